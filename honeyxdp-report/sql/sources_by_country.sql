-- Figures 3 and 6: unique sources per bucket by country, the countries with most sources in the period; the others as one.
WITH best AS (
    SELECT family, country FROM (
        SELECT family, country, row_number() OVER (PARTITION BY family ORDER BY count(*) DESC, country) AS place
        FROM period_sources WHERE country IS NOT NULL GROUP BY family, country
    ) WHERE place <= {top}
), counted AS (
    SELECT bucket, family, country, count(*) AS sources FROM bucket_sources GROUP BY bucket, family, country
)
SELECT CAST(bucket AS DATE) AS bucket, counted.family, best.country, sum(sources) AS sources
FROM counted LEFT JOIN best ON counted.family = best.family AND counted.country = best.country
GROUP BY bucket, counted.family, best.country
ORDER BY family, bucket, country NULLS LAST
