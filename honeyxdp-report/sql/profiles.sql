-- Unique sources per bucket that knocked on one of its days as a profile describes, everywhere and in the home country.
SELECT CAST(bucket AS DATE) AS bucket, profile, sum(sources) AS sources,
       CAST(coalesce(sum(sources) FILTER (WHERE country = '{home}'), 0) AS BIGINT) AS home
FROM bucket_profiles
GROUP BY bucket, profile
ORDER BY profile, bucket
