-- Figure 7: unique sources per bucket at some ports by kind of malware, in the home country and everywhere.
SELECT CAST(bucket AS DATE) AS bucket, dst_port, kind, sum(sources) AS world,
       CAST(coalesce(sum(sources) FILTER (WHERE country = '{home}'), 0) AS BIGINT) AS home
FROM bucket_kinds
GROUP BY bucket, dst_port, kind
ORDER BY dst_port, kind, bucket
