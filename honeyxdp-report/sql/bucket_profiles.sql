-- How many sources knocked, on a day of a bucket of several, as a profile describes, by country.
WITH once AS (
    SELECT {bucket} AS bucket, profile, src, src6, max(country) AS country
    FROM profiles GROUP BY {bucket}, profile, src, src6
)
SELECT bucket, profile, country, count(*) AS sources
FROM once
GROUP BY bucket, profile, country
