-- Takes one date of one table in, from the files of its directory that count; ingest.sh gives the parameters, and the names for KIND
-- and STAGING, which cannot be parameters everywhere.
--
-- Nothing of it is seen before the whole date is there: it is gathered in a table of its own, and that takes the partition's
-- place in one step. So a file that is taken in again, or merged with others meanwhile, cannot count twice.

CREATE TABLE honeyxdp.STAGING_files ENGINE = MergeTree ORDER BY path AS
SELECT
    path,
    parts[1] AS sensor,
    toUInt64(parts[2]) AS first,
    toUInt64(parts[3]) AS last,
    toUInt8(parts[4]) AS level
FROM (
    SELECT
        _path AS path,
        extractGroups(_file, '^(.+)-([0-9]{15,20})-([0-9]{15,20})-([0-9]{1,3})[.]parquet$') AS parts
    FROM file({directory:String} || '/*.parquet', One)
)
WHERE notEmpty(parts);

CREATE TABLE honeyxdp.STAGING AS honeyxdp.KIND;

-- The files that count: those that no other one of the same sensor stands in for.
INSERT INTO honeyxdp.STAGING
SELECT {date:Date}, *
FROM file({directory:String} || '/*.parquet', Parquet, {structure:String})
WHERE _path IN (
    SELECT path
    FROM honeyxdp.STAGING_files
    WHERE path NOT IN (
        SELECT part.path
        FROM honeyxdp.STAGING_files AS part
        INNER JOIN honeyxdp.STAGING_files AS merged ON part.sensor = merged.sensor
        WHERE merged.level > part.level AND merged.first <= part.first AND part.last <= merged.last
    )
)
-- The date is given: no column is to be made of the directory's name.
SETTINGS use_hive_partitioning = 0;

-- No name ever comes back: a file that is there before and after was there all the time. A list that was made while files were
-- merged can show neither the merged file nor its parts; then the merged one is new.
SELECT throwIf(
    (
        SELECT count()
        FROM honeyxdp.STAGING_files
        WHERE path NOT IN (SELECT _path FROM file({directory:String} || '/*.parquet', One))
    ) > 0
    OR (
        SELECT count()
        FROM file({directory:String} || '/*.parquet', One)
        WHERE match(_file, '-[0-9]{15,20}-[1-9][0-9]{0,2}[.]parquet$')
            AND _path NOT IN (SELECT path FROM honeyxdp.STAGING_files)
    ) > 0,
    'files were merged or removed while they were read: run it again'
)
FORMAT Null;

ALTER TABLE honeyxdp.KIND REPLACE PARTITION {date:String} FROM honeyxdp.STAGING;

INSERT INTO honeyxdp.ingested (kind, date, files)
SELECT {kind:String}, {date:Date}, arraySort(groupArray(path)) FROM honeyxdp.STAGING_files;
