-- The sources that knocked at some ports on one day, and what each of them is by all that it showed on that day, at any port.
-- A payload goes before a mark: of several families first Hajime and Mozi, which have a way of their own to talk, then qBot,
-- then Mirai, whose code the others reuse, then any other by name. Of marks the first of Mirai, Hajime, a scanning tool; what a
-- pair test attributed goes before the single packet's mark. Who showed nothing is unknown.
WITH shown AS (
    SELECT DATE '{day}' AS day, src, src6, country, knocks, CAST(NULL AS VARCHAR) AS named,
           CASE coalesce(attributed_family, family) WHEN 'mirai' THEN 6 WHEN 'hajime' THEN 7 WHEN 'other' THEN 9 ELSE 8 END AS rank
    FROM day_sources
    UNION ALL
    SELECT DATE '{day}' AS day, src, src6, NULL AS country,
           CAST(0 AS BIGINT UNSIGNED) AS knocks,
           CASE WHEN family NOT IN ('hajime', 'mozi', 'qbot', 'mirai') THEN family END AS named,
           CASE family WHEN 'hajime' THEN 1 WHEN 'mozi' THEN 2 WHEN 'qbot' THEN 3 WHEN 'mirai' THEN 4 ELSE 5 END AS rank
    FROM day_exploits
    WHERE attribution_source = 'payload'
), kinds AS (
    SELECT src, src6, max(country) AS country, bit_or(knocks) AS knocks, min(named) AS named, min(rank) AS rank
    FROM shown
    GROUP BY src, src6
), asked AS (
    SELECT CAST(column1 AS SMALLINT UNSIGNED) AS dst_port, CAST(column2 AS BIGINT UNSIGNED) AS bit FROM (VALUES {ports})
)
SELECT DATE '{day}' AS day, asked.dst_port, src, src6, country,
       CASE rank WHEN 1 THEN 'hajime' WHEN 2 THEN 'mozi' WHEN 3 THEN 'qbot' WHEN 4 THEN 'mirai' WHEN 5 THEN named
                 WHEN 6 THEN 'mirai' WHEN 7 THEN 'hajime' WHEN 8 THEN 'tool' ELSE 'unknown' END AS kind
FROM kinds CROSS JOIN asked
WHERE knocks & asked.bit > 0
