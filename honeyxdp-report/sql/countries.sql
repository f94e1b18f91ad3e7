-- The period by family and country. A source without one is one that GeoIP did not know.
SELECT family, country, count(*) AS sources, sum(packets) AS packets
FROM period_sources
GROUP BY family, country
ORDER BY family, sources DESC, country
