-- How many sources and SYNs each family has in a bucket of several days, by country. {bucket} is week (from Monday), month or
-- year. A source counts once in each.
WITH once AS (
    SELECT {bucket} AS bucket, family, src, src6, max(country) AS country, sum(packets) AS packets
    FROM sources GROUP BY {bucket}, family, src, src6
)
SELECT bucket, family, country, count(*) AS sources, count(src6) AS ipv6, sum(packets) AS packets
FROM once
GROUP BY bucket, family, country
