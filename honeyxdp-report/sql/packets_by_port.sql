-- Figures 1 and 4: SYNs per bucket of the ports that a family knocked at most in the period; the others as one.
WITH best AS (
    SELECT family, dport FROM (
        SELECT family, dport, row_number() OVER (PARTITION BY family ORDER BY sum(packets) DESC, dport) AS place
        FROM ports GROUP BY family, dport
    ) WHERE place <= {top}
)
SELECT CAST({bucket} AS DATE) AS bucket, ports.family, best.dport, sum(packets) AS packets
FROM ports LEFT JOIN best ON ports.family = best.family AND ports.dport = best.dport
GROUP BY {bucket}, ports.family, best.dport
ORDER BY family, bucket, dport NULLS LAST
