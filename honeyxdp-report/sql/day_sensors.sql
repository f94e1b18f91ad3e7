-- One row per sensor and source of one day.
SELECT sensor, max(site) AS site, src, CAST(NULL AS BYTEA) AS src6, sum(packets) AS packets
FROM flows
WHERE src IS NOT NULL AND {when}
GROUP BY sensor, src
UNION ALL
SELECT sensor, max(site) AS site, CAST(NULL AS INT UNSIGNED) AS src, CAST(src6 AS BYTEA) AS src6, sum(packets) AS packets
FROM flows
WHERE src6 IS NOT NULL AND {when}
GROUP BY sensor, src6
