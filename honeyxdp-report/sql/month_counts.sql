-- How many sources and SYNs each family has on each day, by country. A source without one is one that GeoIP did not know.
SELECT day, family, country, count(*) AS sources, count(src6) AS ipv6, sum(packets) AS packets
FROM {sources}
GROUP BY day, family, country
