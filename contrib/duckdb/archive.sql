-- Five questions to an archive, for DuckDB; docs/use/archive.md says how to read it.
--
--   duckdb -bail -jsonlines -cmd "SET VARIABLE archive = '/srv/honeyxdp/archive'" -f contrib/duckdb/archive.sql
--
-- For s3:// put this into -cmd as well: INSTALL httpfs; LOAD httpfs; CREATE SECRET (TYPE s3, PROVIDER credential_chain);

SET VARIABLE listed = (SELECT list(file) FROM glob(getvariable('archive') || '/*/date=*/*.parquet'));

-- The files of a table that count: those that no other one of the same directory and sensor stands in for.
CREATE OR REPLACE TEMP MACRO counting(kind) AS TABLE
WITH named AS (
    SELECT
        file,
        parse_dirpath(file) AS directory,
        regexp_extract(
            file, '([^/]+)-([0-9]{15,20})-([0-9]{15,20})-([0-9]{1,3})\.parquet$', ['sensor', 'first', 'last', 'level']
        ) AS name
    FROM (SELECT unnest(getvariable('listed')) AS file)
    WHERE contains(file, '/' || kind || '/date=')
), files AS (
    SELECT file, directory, name.sensor, name.first::UBIGINT AS first, name.last::UBIGINT AS last, name.level::UTINYINT AS level
    FROM named
    WHERE name.sensor <> ''
)
SELECT coalesce(list(file), error('there are no ' || kind || ' in this archive')) AS names
FROM files AS part
WHERE NOT EXISTS (
    FROM files AS merged
    WHERE merged.directory = part.directory AND merged.sensor = part.sensor AND merged.level > part.level
        AND merged.first <= part.first AND part.last <= merged.last
);
SET VARIABLE flows = (SELECT names FROM counting('flows'));
SET VARIABLE accounting = (SELECT names FROM counting('accounting'));

-- A list that was made while files were merged can show neither the merged file nor its parts; then a second one has a merged file
-- that is new. A file that is gone after that is an error of the query: no row is left out.
SET VARIABLE merged = (
    SELECT CASE WHEN count(*) > 0 THEN error('files were merged while they were listed: run it again') END
    FROM glob(getvariable('archive') || '/*/date=*/*.parquet')
    WHERE regexp_matches(file, '-[0-9]{15,20}-[1-9][0-9]{0,2}\.parquet$') AND NOT list_contains(getvariable('listed'), file)
);

-- By name: files of another version may lack columns, which are null then.
CREATE OR REPLACE TEMP VIEW flows AS
FROM read_parquet(getvariable('flows'), union_by_name = true, hive_partitioning = true);
CREATE OR REPLACE TEMP VIEW accounting AS
FROM read_parquet(getvariable('accounting'), union_by_name = true, hive_partitioning = true);

-- One of src and src6 is set, and count(DISTINCT) passes over nulls: the sum is exact.
SELECT 'families' AS question, family, sum(packets)::BIGINT AS packets, count(DISTINCT src) + count(DISTINCT src6) AS sources
FROM flows
GROUP BY family
ORDER BY family;

SELECT 'countries' AS question, country, sum(packets)::BIGINT AS packets, count(DISTINCT src) + count(DISTINCT src6) AS sources
FROM flows
GROUP BY country
ORDER BY country NULLS LAST;

SELECT 'ports' AS question, dst_port, sum(packets)::BIGINT AS packets, count(DISTINCT src) + count(DISTINCT src6) AS sources
FROM flows
GROUP BY dst_port
ORDER BY packets DESC, dst_port
LIMIT 10;

-- Each sensor's own; without a sensor: those of all together, which are fewer than the sum.
SELECT 'sensors' AS question, sensor, count(DISTINCT src) + count(DISTINCT src6) AS sources
FROM flows
GROUP BY GROUPING SETS ((sensor), ())
ORDER BY sensor NULLS LAST;

-- SYNs that were counted, and those of them that are in no row; payloads that are in no row, null where nobody looked at any.
SELECT
    'missing' AS question,
    sensor,
    sum(syns)::BIGINT AS syns,
    sum(lost + sampled_out + dropped_by_archive)::BIGINT AS missing,
    sum(payloads_lost)::BIGINT AS payloads_missing
FROM accounting
GROUP BY sensor
ORDER BY sensor;
