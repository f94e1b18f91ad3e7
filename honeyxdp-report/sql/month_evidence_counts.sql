-- How many sources showed each family by a payload on each day.
SELECT day, family, count(*) AS sources
FROM (SELECT DISTINCT day, family, src, src6 FROM {exploits} WHERE attribution_source = 'payload')
GROUP BY day, family
