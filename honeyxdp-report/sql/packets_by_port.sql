-- Figures 1 and 4: SYNs per bucket of the ports that a family knocked at most in the period; the others as one.
WITH best AS (
    SELECT family, dst_port FROM (
        SELECT family, dst_port, row_number() OVER (PARTITION BY family ORDER BY sum(packets) DESC, dst_port) AS place
        FROM month_ports GROUP BY family, dst_port
    ) WHERE place <= {top}
)
SELECT CAST({bucket} AS DATE) AS bucket, ports.family, best.dst_port, sum(packets) AS packets
FROM month_ports AS ports LEFT JOIN best ON ports.family = best.family AND ports.dst_port = best.dst_port
GROUP BY {bucket}, ports.family, best.dst_port
ORDER BY family, bucket, dst_port NULLS LAST
