-- Ports that are among a family's first {top} in the period and were not in the period before it. A family that is new has none.
WITH now AS (
    SELECT family, dst_port, sum(packets) AS packets,
           row_number() OVER (PARTITION BY family ORDER BY sum(packets) DESC, dst_port) AS place
    FROM month_ports GROUP BY family, dst_port
), before AS (
    SELECT family, dst_port, sum(packets) AS packets,
           row_number() OVER (PARTITION BY family ORDER BY sum(packets) DESC, dst_port) AS place
    FROM month_ports_before GROUP BY family, dst_port
)
SELECT now.family AS family, now.dst_port AS dst_port, now.place AS place, now.packets AS packets,
       before.place AS place_before, CAST(coalesce(before.packets, 0) AS BIGINT) AS packets_before
FROM now LEFT JOIN before ON before.family = now.family AND before.dst_port = now.dst_port
WHERE now.place <= {top} AND (before.place IS NULL OR before.place > {top})
  AND now.family IN (SELECT DISTINCT family FROM month_ports_before)
ORDER BY family, place
