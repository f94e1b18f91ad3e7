-- Figures 2 and 5: unique sources per bucket, exact. And the home country's sources and SYNs.
SELECT CAST(bucket AS DATE) AS bucket, family, count(*) AS sources, count(src6) AS ipv6,
       count(*) FILTER (WHERE country = '{home}') AS home,
       CAST(coalesce(sum(packets) FILTER (WHERE country = '{home}'), 0) AS BIGINT) AS home_packets
FROM bucket_sources
GROUP BY bucket, family
ORDER BY family, bucket
