-- Figure 7: unique sources per bucket at some ports by kind of malware, in the home country and everywhere. In a bucket
-- of more than one day a source counts under each kind that it was.
WITH once AS (
    SELECT {bucket} AS bucket, dport, kind, src, src6, max(country) AS country
    FROM kinds GROUP BY {bucket}, dport, kind, src, src6
)
SELECT CAST(bucket AS DATE) AS bucket, dport, kind, count(*) AS world,
       count(*) FILTER (WHERE country = '{home}') AS home
FROM once
GROUP BY bucket, dport, kind
ORDER BY dport, kind, bucket
