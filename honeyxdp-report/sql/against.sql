-- The period beside the one before it, by family. `stayed` are sources that were seen in both.
WITH now AS (
    SELECT family, count(*) AS sources, count(*) FILTER (WHERE country = '{home}') AS home, sum(packets) AS packets
    FROM period_sources GROUP BY family
), before AS (
    SELECT family, count(*) AS sources, count(*) FILTER (WHERE country = '{home}') AS home, sum(packets) AS packets
    FROM period_sources_before GROUP BY family
), both AS (
    SELECT a.family, count(*) AS sources FROM period_sources a
    JOIN period_sources_before b ON a.family = b.family AND a.src = b.src GROUP BY a.family
    UNION ALL
    SELECT a.family, count(*) AS sources FROM period_sources a
    JOIN period_sources_before b ON a.family = b.family AND a.src6 = b.src6 GROUP BY a.family
), stayed AS (
    SELECT family, sum(sources) AS sources FROM both GROUP BY family
), families AS (
    SELECT family FROM now UNION SELECT family FROM before
)
SELECT families.family AS family, coalesce(now.packets, 0) AS packets, coalesce(before.packets, 0) AS packets_before,
       coalesce(now.sources, 0) AS sources, coalesce(before.sources, 0) AS sources_before,
       coalesce(stayed.sources, 0) AS stayed,
       coalesce(now.home, 0) AS home, coalesce(before.home, 0) AS home_before
FROM families
LEFT JOIN now ON now.family = families.family
LEFT JOIN before ON before.family = families.family
LEFT JOIN stayed ON stayed.family = families.family
ORDER BY packets DESC, family
