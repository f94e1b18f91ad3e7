#!/bin/sh
# Takes dates of an archive into a ClickHouse server, with the tables of schema.sql beside this script.
#
#   contrib/clickhouse/ingest.sh ARCHIVE DATE...
#   contrib/clickhouse/ingest.sh s3://bucket/prefix 2019-11-05 2019-11-06
#
# ARCHIVE is a directory under the server's user_files_path, or an URL as s3://bucket/prefix that the server may read. A date whose
# directory has the same files as when it was taken in is passed over, so a timer can name the dates of a week every few minutes.
# CLICKHOUSE_CLIENT is the command to use, with its options; else it is clickhouse-client.
set -eu

if [ $# -lt 2 ]; then
    echo "usage: ingest.sh ARCHIVE DATE..." >&2
    exit 2
fi
archive=${1%/}
shift
here=$(dirname "$0")

# One at a time, and from one machine: the older list of two must not come last.
exec 9<"$0"
flock 9

case $archive in
    *://*) function=s3 ;;
    *) function=file ;;
esac

# Reads statements from its standard input. Table functions cannot be parameters.
client() {
    sed "s/FROM file(/FROM $function(/g" | ${CLICKHOUSE_CLIENT:-clickhouse-client} "$@"
}

# A run that was killed leaves tables behind. Their names are not used again, so nothing of them is ever taken for a date.
leftovers=$(client <<'SQL'
SELECT name FROM system.tables WHERE database = 'honeyxdp' AND startsWith(name, 'staging_') FORMAT TSVRaw
SQL
)
for leftover in $leftovers; do
    echo "DROP TABLE honeyxdp.$leftover" | client
done

structures=$(client <<'SQL'
SELECT table, arrayStringConcat(arrayMap(column -> column.2, arraySort(groupArray((position, name || ' ' || type)))), ', ')
FROM system.columns
WHERE database = 'honeyxdp' AND table IN ('flows', 'payloads', 'accounting') AND default_kind = '' AND name != 'date'
GROUP BY table
FORMAT TSVRaw
SQL
)

name=
drop() {
    if [ -n "$name" ]; then
        echo "DROP TABLE IF EXISTS honeyxdp.$name; DROP TABLE IF EXISTS honeyxdp.${name}_files" | client
        name=
    fi
}
trap drop EXIT
trap 'exit 1' INT TERM HUP

for date in "$@"; do
    case $date in
        [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]) ;;
        *)
            echo "ingest.sh: $date is no date: write it as 2019-11-05" >&2
            exit 2
            ;;
    esac
    # The tables of which the date's directory has other files than when they were taken in; none if there is no such directory.
    changed=$(client --param_archive="$archive" --param_date="$date" <<'SQL'
SELECT kind
FROM (
    SELECT 'flows' AS kind, _path AS path FROM file({archive:String} || '/flows/date=' || {date:String} || '/*.parquet', One)
    UNION ALL
    SELECT 'payloads', _path FROM file({archive:String} || '/payloads/date=' || {date:String} || '/*.parquet', One)
    UNION ALL
    SELECT 'accounting', _path FROM file({archive:String} || '/accounting/date=' || {date:String} || '/*.parquet', One)
) AS there
GROUP BY kind
HAVING (kind, arraySort(groupArray(path))) NOT IN (
    SELECT kind, files FROM honeyxdp.ingested FINAL WHERE date = {date:Date}
)
ORDER BY kind
FORMAT TSVRaw
SQL
    )
    for kind in $changed; do
        name=staging_${kind}_$(echo "$date" | tr -d -)_$$_$(date +%s)
        structure=$(printf '%s\n' "$structures" | sed -n "s/^$kind	//p")
        sed "s/honeyxdp\.KIND/honeyxdp.$kind/g; s/honeyxdp\.STAGING/honeyxdp.$name/g" "$here/ingest.sql" |
            client --param_directory="$archive/$kind/date=$date" --param_date="$date" --param_kind="$kind" \
                --param_structure="$structure"
        drop
        echo "$kind of $date taken in"
    done
done
