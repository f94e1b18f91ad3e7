-- Sources of a whole period, each once per family. {sources} are those of its days.
SELECT family, src, CAST(NULL AS BYTEA) AS src6, max(country) AS country, max(asn) AS asn, sum(packets) AS packets,
       min(day) AS first_day, max(day) AS last_day
FROM {sources} WHERE src IS NOT NULL GROUP BY family, src
UNION ALL
SELECT family, CAST(NULL AS INT UNSIGNED) AS src, src6, max(country) AS country, max(asn) AS asn, sum(packets) AS packets,
       min(day) AS first_day, max(day) AS last_day
FROM {sources} WHERE src6 IS NOT NULL GROUP BY family, src6
