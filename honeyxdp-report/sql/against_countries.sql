-- The countries that a family had most sources in, in the period or in the one before it, side by side.
WITH now AS (
    SELECT family, country, count(*) AS sources,
           row_number() OVER (PARTITION BY family ORDER BY count(*) DESC, country) AS place
    FROM period_sources WHERE country IS NOT NULL GROUP BY family, country
), before AS (
    SELECT family, country, count(*) AS sources,
           row_number() OVER (PARTITION BY family ORDER BY count(*) DESC, country) AS place
    FROM period_sources_before WHERE country IS NOT NULL GROUP BY family, country
)
SELECT coalesce(now.family, before.family) AS family, coalesce(now.country, before.country) AS country,
       now.place AS place, before.place AS place_before,
       coalesce(now.sources, 0) AS sources, coalesce(before.sources, 0) AS sources_before
FROM now FULL JOIN before ON now.family = before.family AND now.country = before.country
WHERE now.place <= {top} OR before.place <= {top}
ORDER BY family, place NULLS LAST, place_before
