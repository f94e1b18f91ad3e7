-- The period by profile: sources that matched it on any day.
WITH once AS (
    SELECT profile, src, src6, max(country) AS country, count(*) AS days, min(day) AS first_day, max(day) AS last_day
    FROM profiles GROUP BY profile, src, src6
)
SELECT profile, count(*) AS sources, count(*) FILTER (WHERE country = '{home}') AS home,
       count(DISTINCT country) AS countries, sum(days) AS source_days,
       CAST(min(first_day) AS DATE) AS first_day, CAST(max(last_day) AS DATE) AS last_day
FROM once
GROUP BY profile
ORDER BY sources DESC, profile
