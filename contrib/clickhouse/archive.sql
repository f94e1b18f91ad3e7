-- Five questions to an archive's files, for clickhouse-local and chdb; docs/use/archive.md says how to read it.
--
--   clickhouse local --param_archive=/srv/honeyxdp/archive --output-format JSONEachRow --queries-file contrib/clickhouse/archive.sql
--
-- For object storage put s3( in the place of file(, and a URL in that of the directory.

-- Format One reads no file.
CREATE TEMPORARY TABLE listed AS
SELECT _path AS path FROM file({archive:String} || '/flows/date=*/*.parquet', One)
UNION ALL
SELECT _path FROM file({archive:String} || '/accounting/date=*/*.parquet', One);

-- The files that count: those that no other one of the same directory and sensor stands in for.
CREATE TEMPORARY TABLE counting AS
WITH files AS (
    SELECT
        path,
        parts[1] AS directory,
        parts[2] AS sensor,
        toUInt64(parts[3]) AS first,
        toUInt64(parts[4]) AS last,
        toUInt8(parts[5]) AS level
    FROM (
        SELECT
            path,
            extractGroups(path, '^(.*)/([^/]+)-([0-9]{15,20})-([0-9]{15,20})-([0-9]{1,3})\\.parquet$') AS parts
        FROM listed
    )
    WHERE notEmpty(parts)
)
SELECT path
FROM files
WHERE path NOT IN (
    SELECT part.path
    FROM files AS part
    INNER JOIN files AS merged ON part.directory = merged.directory AND part.sensor = merged.sensor
    WHERE merged.level > part.level AND merged.first <= part.first AND part.last <= merged.last
);

-- With the columns' types said, files of older versions need not have them all: what they lack is null.
CREATE VIEW flows AS
SELECT *
FROM file(
    {archive:String} || '/flows/date=*/*.parquet',
    Parquet,
    'sensor LowCardinality(String), family LowCardinality(String), src Nullable(UInt32), src6 Nullable(FixedString(16)),
     dst_port UInt16, packets UInt32, country LowCardinality(Nullable(String)), site LowCardinality(Nullable(String))'
)
WHERE _path IN (SELECT path FROM counting);

CREATE VIEW accounting AS
SELECT *
FROM file(
    {archive:String} || '/accounting/date=*/*.parquet',
    Parquet,
    'sensor LowCardinality(String), syns UInt64, lost UInt64, sampled_out UInt64, dropped_by_archive UInt64,
     payloads_lost Nullable(UInt64), site LowCardinality(Nullable(String))'
)
WHERE _path IN (SELECT path FROM counting);

-- One of src and src6 is set, and uniqExact passes over nulls: the sum is exact.
SELECT 'families' AS question, family, sum(flows.packets) AS packets, uniqExact(src) + uniqExact(src6) AS sources
FROM flows(archive = {archive:String}) AS flows
GROUP BY family
ORDER BY family;

SELECT 'countries' AS question, country, sum(flows.packets) AS packets, uniqExact(src) + uniqExact(src6) AS sources
FROM flows(archive = {archive:String}) AS flows
GROUP BY country
ORDER BY country NULLS LAST;

SELECT 'ports' AS question, dst_port, sum(flows.packets) AS packets, uniqExact(src) + uniqExact(src6) AS sources
FROM flows(archive = {archive:String}) AS flows
GROUP BY dst_port
ORDER BY packets DESC, dst_port
LIMIT 10;

-- Each sensor's own; without a sensor: those of all together, which are fewer than the sum.
SELECT 'sensors' AS question, sensor, uniqExact(src) + uniqExact(src6) AS sources
FROM flows(archive = {archive:String})
GROUP BY GROUPING SETS ((sensor), ())
ORDER BY sensor NULLS LAST
SETTINGS group_by_use_nulls = 1;

-- SYNs that were counted, and those of them that are in no row; payloads that are in no row, null where nobody looked at any.
SELECT
    'missing' AS question,
    sensor,
    sum(accounting.syns) AS syns,
    sum(lost + sampled_out + dropped_by_archive) AS missing,
    sum(payloads_lost) AS payloads_missing
FROM accounting(archive = {archive:String}) AS accounting
GROUP BY sensor
ORDER BY sensor;

-- Every query listed the directories again. No name ever comes back: a file that is there before and after was there all the time. A
-- list that was made while files were merged can show neither the merged file nor its parts; then the merged one is new. In both
-- cases this ends with an error, and the answers above are not to be used.
CREATE TEMPORARY TABLE afterwards AS
SELECT _path AS path FROM file({archive:String} || '/flows/date=*/*.parquet', One)
UNION ALL
SELECT _path FROM file({archive:String} || '/accounting/date=*/*.parquet', One);

SELECT throwIf(
    (SELECT count() FROM counting WHERE path NOT IN (SELECT path FROM afterwards)) > 0
    OR (
        SELECT count()
        FROM afterwards
        WHERE match(path, '-[0-9]{15,20}-[1-9][0-9]{0,2}[.]parquet$') AND path NOT IN (SELECT path FROM listed)
    ) > 0,
    'files were merged or removed while they were read: run it again'
)
FORMAT Null;
