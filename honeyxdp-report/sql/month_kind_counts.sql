-- How many sources of each kind knocked at some ports on each day, by country.
SELECT day, dst_port, kind, country, count(*) AS sources
FROM {kinds}
GROUP BY day, dst_port, kind, country
