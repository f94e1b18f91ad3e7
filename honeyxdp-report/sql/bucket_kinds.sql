-- How many sources of each kind knocked at some ports in a bucket of several days, by country. A source counts under each
-- kind that it was.
WITH once AS (
    SELECT {bucket} AS bucket, dst_port, kind, src, src6, max(country) AS country
    FROM kinds GROUP BY {bucket}, dst_port, kind, src, src6
)
SELECT bucket, dst_port, kind, country, count(*) AS sources
FROM once
GROUP BY bucket, dst_port, kind, country
