-- The sources that knocked on one day at as many ports of a profile as it asks for. Of one family a source has one row, so
-- most of them are told before they are grouped.
WITH profiles AS (
    SELECT column1 AS profile, column2 AS family, CAST(column3 AS BIGINT UNSIGNED) AS ports, column4 AS at_least
    FROM (VALUES {profiles})
)
SELECT DATE '{day}' AS day, profile, src, src6, max(country) AS country
FROM day_sources JOIN profiles ON knocks & ports > 0
    AND (profiles.family = '' OR profiles.family = day_sources.family AND bit_count(knocks & ports) >= at_least)
GROUP BY profile, ports, at_least, src, src6
HAVING bit_count(bit_or(knocks) & ports) >= at_least
