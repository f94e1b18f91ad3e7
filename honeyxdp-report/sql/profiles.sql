-- Unique sources per bucket that knocked on one of its days as a profile describes, everywhere and in the home country.
WITH once AS (
    SELECT {bucket} AS bucket, profile, src, src6, max(country) AS country
    FROM profiles GROUP BY {bucket}, profile, src, src6
)
SELECT CAST(bucket AS DATE) AS bucket, profile, count(*) AS sources, count(*) FILTER (WHERE country = '{home}') AS home
FROM once
GROUP BY bucket, profile
ORDER BY profile, bucket
