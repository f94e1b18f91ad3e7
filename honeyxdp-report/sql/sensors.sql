-- Sensors beside each other: their sources add up to more than all of them saw together, by those that several saw.
-- `alone` are those that no other sensor saw in the period.
WITH seen AS (
    SELECT sensor, max(site) AS site, src, src6, sum(packets) AS packets, count(*) OVER (PARTITION BY src, src6) AS sensors
    FROM sensor_days
    GROUP BY sensor, src, src6
)
SELECT sensor, max(site) AS site, CAST(sum(packets) AS BIGINT) AS packets, count(*) AS sources,
       sum(CASE WHEN sensors = 1 THEN 1 ELSE 0 END) AS alone
FROM seen
GROUP BY sensor
ORDER BY sensor
