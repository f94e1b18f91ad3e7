-- Sources of a whole period, each once per family. {months} are those of its months.
SELECT family, src, CAST(NULL AS BYTEA) AS src6, max(country) AS country, max(asn) AS asn, sum(packets) AS packets,
       min(first_day) AS first_day, max(last_day) AS last_day
FROM {months} WHERE src IS NOT NULL GROUP BY family, src
UNION ALL
SELECT family, CAST(NULL AS INT UNSIGNED) AS src, src6, max(country) AS country, max(asn) AS asn, sum(packets) AS packets,
       min(first_day) AS first_day, max(last_day) AS last_day
FROM {months} WHERE src6 IS NOT NULL GROUP BY family, src6
