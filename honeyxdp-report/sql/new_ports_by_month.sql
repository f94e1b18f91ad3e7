-- Ports that are among a family's first {top} in a month and were not in the month before. A family's first month has none.
WITH months AS (
    SELECT date_trunc('month', day) AS start, family, dst_port, sum(packets) AS packets
    FROM month_ports GROUP BY date_trunc('month', day), family, dst_port
), best AS (
    SELECT * FROM (
        SELECT *, row_number() OVER (PARTITION BY start, family ORDER BY packets DESC, dst_port) AS place FROM months
    ) WHERE place <= {top}
), before AS (
    SELECT DISTINCT family, start + INTERVAL '1 month' AS next FROM months
)
SELECT CAST(best.start AS DATE) AS month, best.family AS family, best.dst_port AS dst_port, best.place AS place,
       best.packets AS packets, CAST(coalesce(earlier.packets, 0) AS BIGINT) AS packets_before
FROM best
JOIN before ON before.family = best.family AND before.next = best.start
LEFT JOIN best AS old
    ON old.family = best.family AND old.dst_port = best.dst_port AND old.start + INTERVAL '1 month' = best.start
LEFT JOIN months AS earlier
    ON earlier.family = best.family AND earlier.dst_port = best.dst_port AND earlier.start + INTERVAL '1 month' = best.start
WHERE old.dst_port IS NULL
ORDER BY month, family, place
