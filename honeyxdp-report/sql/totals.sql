-- The period in one row per family.
WITH counted AS (
    SELECT family, sum(packets) AS packets, sum(flows) AS flows, count(DISTINCT dst_port) AS ports FROM month_ports GROUP BY family
), unique_sources AS (
    SELECT family, count(*) AS sources, count(src6) AS ipv6, count(*) FILTER (WHERE country = '{home}') AS home,
           count(DISTINCT country) AS countries, min(first_day) AS first_day, max(last_day) AS last_day
    FROM period_sources GROUP BY family
)
SELECT counted.family, packets, flows, sources, ipv6, home, ports, countries,
       CAST(first_day AS DATE) AS first_day, CAST(last_day AS DATE) AS last_day
FROM counted JOIN unique_sources ON counted.family = unique_sources.family
ORDER BY packets DESC, family
