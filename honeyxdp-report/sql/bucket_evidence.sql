-- How many sources showed each family by a payload in a bucket of several days. A source counts once in each.
WITH once AS (
    SELECT {bucket} AS bucket, family, src, src6
    FROM exploits WHERE attribution_source = 'payload' GROUP BY {bucket}, family, src, src6
)
SELECT bucket, family, count(*) AS sources
FROM once
GROUP BY bucket, family
