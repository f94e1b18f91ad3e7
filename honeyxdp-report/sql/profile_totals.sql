-- The period by profile: sources that matched it on any day.
WITH once AS (
    SELECT profile, src, src6, max(country) AS country, sum(days) AS days, min(first_day) AS first_day,
           max(last_day) AS last_day
    FROM month_profiles GROUP BY profile, src, src6
)
SELECT profile, count(*) AS sources, count(*) FILTER (WHERE country = '{home}') AS home,
       count(DISTINCT country) AS countries, sum(days) AS source_days,
       CAST(min(first_day) AS DATE) AS first_day, CAST(max(last_day) AS DATE) AS last_day
FROM once
GROUP BY profile
ORDER BY sources DESC, profile
