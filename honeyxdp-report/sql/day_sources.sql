-- One row per family and source of one day. Apart by version of IP: a key of one kind of number groups faster.
-- A source has one country, whatever files of GeoIP were used within the day. `knocks` has a bit for each port that the
-- report asks about.
SELECT DATE '{day}' AS day, family, src, CAST(NULL AS BYTEA) AS src6, {country} AS country, {asn} AS asn,
       max(attributed_family) AS attributed_family, sum(packets) AS packets,
       bit_or(CASE dst_port {bits} ELSE CAST(0 AS BIGINT UNSIGNED) END) AS knocks
FROM flows
WHERE src IS NOT NULL AND {when}
GROUP BY family, src
UNION ALL
SELECT DATE '{day}' AS day, family, CAST(NULL AS INT UNSIGNED) AS src, CAST(src6 AS BYTEA) AS src6,
       {country6} AS country, {asn6} AS asn, max(attributed_family) AS attributed_family, sum(packets) AS packets,
       bit_or(CASE dst_port {bits} ELSE CAST(0 AS BIGINT UNSIGNED) END) AS knocks
FROM flows
WHERE src6 IS NOT NULL AND {when}
GROUP BY family, src6
