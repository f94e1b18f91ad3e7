-- How many sources knocked on each day as a profile describes, by country.
SELECT day, profile, country, count(*) AS sources
FROM {profiles}
GROUP BY day, profile, country
