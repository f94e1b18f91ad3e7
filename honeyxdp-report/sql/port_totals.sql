-- The period by family and port.
SELECT family, dst_port, packets, flows FROM (
    SELECT family, dst_port, sum(packets) AS packets, sum(flows) AS flows,
           row_number() OVER (PARTITION BY family ORDER BY sum(packets) DESC, dst_port) AS place
    FROM month_ports GROUP BY family, dst_port
) WHERE place <= 100
ORDER BY family, packets DESC, dst_port
