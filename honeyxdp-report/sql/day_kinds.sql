-- The sources that knocked at some ports on one day, and what each of them is: the first of Mirai, Hajime, a scanning
-- tool, unknown that it showed on that day, at any port. What a pair test settled goes before the single packet's mark.
WITH kinds AS (
    SELECT src, src6, max(country) AS country, bit_or(knocks) AS knocks,
           min(CASE coalesce(settled, family) WHEN 'mirai' THEN 1 WHEN 'hajime' THEN 2 WHEN 'other' THEN 9 ELSE 5 END) AS rank
    FROM day_sources
    GROUP BY src, src6
), asked AS (
    SELECT CAST(column1 AS SMALLINT UNSIGNED) AS dport, CAST(column2 AS BIGINT UNSIGNED) AS bit FROM (VALUES {ports})
)
SELECT DATE '{day}' AS day, asked.dport, src, src6, country,
       CASE rank WHEN 1 THEN 'mirai' WHEN 2 THEN 'hajime' WHEN 5 THEN 'tool' ELSE 'unknown' END AS kind
FROM kinds CROSS JOIN asked
WHERE knocks & asked.bit > 0
