-- Sources that knocked as a profile describes, each once per month, and on how many days.
SELECT profile, src, src6, max(country) AS country, count(*) AS days, min(day) AS first_day, max(day) AS last_day
FROM {profiles} GROUP BY profile, src, src6
