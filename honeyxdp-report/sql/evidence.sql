-- Unique sources per bucket whose payload tells their family, at any port.
SELECT CAST(bucket AS DATE) AS bucket, family, sum(sources) AS sources
FROM bucket_evidence
GROUP BY bucket, family
ORDER BY family, bucket
