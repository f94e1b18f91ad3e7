-- Ports that are among a family's first {top} in the period and were not in the period before it. A family that is new has none.
WITH now AS (
    SELECT family, dport, sum(packets) AS packets,
           row_number() OVER (PARTITION BY family ORDER BY sum(packets) DESC, dport) AS place
    FROM ports GROUP BY family, dport
), before AS (
    SELECT family, dport, sum(packets) AS packets,
           row_number() OVER (PARTITION BY family ORDER BY sum(packets) DESC, dport) AS place
    FROM ports_before GROUP BY family, dport
)
SELECT now.family AS family, now.dport AS dport, now.place AS place, now.packets AS packets,
       before.place AS place_before, CAST(coalesce(before.packets, 0) AS BIGINT) AS packets_before
FROM now LEFT JOIN before ON before.family = now.family AND before.dport = now.dport
WHERE now.place <= {top} AND (before.place IS NULL OR before.place > {top})
  AND now.family IN (SELECT DISTINCT family FROM ports_before)
ORDER BY family, place
