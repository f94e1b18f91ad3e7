-- Figures 2 and 5: unique sources per bucket, exact. And the home country's sources and SYNs.
SELECT CAST(bucket AS DATE) AS bucket, family, sum(sources) AS sources, sum(ipv6) AS ipv6,
       CAST(coalesce(sum(sources) FILTER (WHERE country = '{home}'), 0) AS BIGINT) AS home,
       CAST(coalesce(sum(packets) FILTER (WHERE country = '{home}'), 0) AS BIGINT) AS home_packets
FROM bucket_counts
GROUP BY bucket, family
ORDER BY family, bucket
