-- The period by family and port.
SELECT family, dport, packets, flows FROM (
    SELECT family, dport, sum(packets) AS packets, sum(flows) AS flows,
           row_number() OVER (PARTITION BY family ORDER BY sum(packets) DESC, dport) AS place
    FROM ports GROUP BY family, dport
) WHERE place <= 100
ORDER BY family, packets DESC, dport
