-- The sources that knocked on one day at as many ports of a profile as it asks for. A row of the profiles is one port.
WITH profiles AS (
    SELECT column1 AS profile, column2 AS family, CAST(column3 AS BIGINT UNSIGNED) AS bit, column4 AS at_least
    FROM (VALUES {profiles})
)
SELECT DATE '{day}' AS day, profile, src, src6, max(country) AS country
FROM (SELECT family, src, src6, country, knocks FROM day_sources WHERE knocks > 0) AS knocked
JOIN profiles ON knocked.knocks & profiles.bit > 0 AND (profiles.family = '' OR profiles.family = knocked.family)
GROUP BY profile, at_least, src, src6
HAVING count(DISTINCT profiles.bit) >= at_least
