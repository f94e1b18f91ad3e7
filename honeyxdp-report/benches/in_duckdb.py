"""The questions of honeyxdp-report/sql, asked of the same files with DuckDB: a second opinion, and somebody to race with.

    python3 in_duckdb.py ARCHIVE YEAR --memory 4GB --threads 2 --temp DIR --out answers.json

Days are rolled up one after another, as the report does; --at-once asks for all days in one query. Prints what it took, and
writes the answers as JSON, with the tables and columns of the report's own JSON files.
"""

import argparse
import json
import pathlib
import time
import tomllib

import duckdb

HERE = pathlib.Path(__file__).resolve().parent
SQL = HERE.parent / "sql"
PROFILES = HERE.parent.parent / "contrib" / "profiles.toml"
# DataFusion's names of types and of columns without a name, and DuckDB's.
WORDS = [
    ("BIGINT UNSIGNED", "UBIGINT"),
    ("SMALLINT UNSIGNED", "USMALLINT"),
    ("INT UNSIGNED", "UINTEGER"),
    ("column1", "col0"),
    ("column2", "col1"),
    ("column3", "col2"),
    ("column4", "col3"),
]
DAYS = ["ports", "sources", "exploits", "kinds", "profiles", "droppers", "logins"]
MONTHS = """ports sources profiles counts kind_counts profile_counts exploits droppers logins evidence_counts""".split()
QUESTIONS = """totals packets_by_port sources sources_by_country kinds evidence payloads droppers logins payload_rules profiles
profile_totals peaks new_ports_by_month countries networks port_totals""".split()


def words(port):
    """What stands in the braces of the questions."""
    profiles = tomllib.loads(PROFILES.read_text())["profile"]
    ports = sorted({port, *(port for profile in profiles for port in profile["ports"])})
    bit = {port: 1 << place for place, port in enumerate(ports)}
    rows = [
        f"('{p['name']}', '{p.get('family', '')}', {sum(bit[port] for port in p['ports'])}, {p['at_least']})"
        for p in profiles
    ]
    return {
        "bits": " ".join(f"WHEN {port} THEN CAST({bit[port]} AS UBIGINT)" for port in ports),
        "ports": f"({port}, {bit[port]})",
        "profiles": ", ".join(rows),
        "country": "max(country)",
        "country6": "max(country)",
        "asn": "max(asn)",
        "asn6": "max(asn)",
        "when": "TRUE",
        "sent": "TRUE",
        "bucket": "day",
        "home": "JP",
        "top": "10",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=pathlib.Path)
    parser.add_argument("year", type=int)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--temp", type=pathlib.Path, required=True, help="directory for what does not fit into the memory")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--at-once", action="store_true", help="all days in one query")
    args = parser.parse_args()

    begin = time.monotonic()
    database = duckdb.connect()
    database.execute(f"SET memory_limit = '{args.memory}'; SET threads = {args.threads}; SET TimeZone = 'UTC'")
    database.execute(f"SET temp_directory = '{args.temp}'; SET preserve_insertion_order = false")
    given = words(52869)

    def question(name, **more):
        text = (SQL / f"{name}.sql").read_text()
        for word, value in {**given, **more}.items():
            text = text.replace("{" + word + "}", value)
        for word, value in WORDS:
            text = text.replace(word, value)
        return text

    directories = sorted((args.archive / "flows").glob(f"date={args.year}-*"))
    if args.at_once:
        roll_up_at_once(database, question, args.archive)
    else:
        roll_up_days(database, question, directories)
    tables = {name: name for name in DAYS}
    for name in MONTHS:
        table = name if name.endswith("counts") else f"month_{name}"
        database.execute(f"CREATE TEMP TABLE {table} AS " + question(f"month_{name}", **tables))
    database.execute("CREATE TEMP TABLE period_sources AS " + question("period_sources", months="month_sources"))
    buckets = {"counts": "counts", "kind_counts": "kinds", "profile_counts": "profiles", "evidence_counts": "evidence"}
    for name, bucket in buckets.items():
        bucket = f"bucket_{bucket}"
        database.execute(f"CREATE TEMP VIEW {bucket} AS " + question("day_is_bucket", counts=name))
    answers = {}
    for name in QUESTIONS:
        cursor = database.execute(question(name))
        columns = [column[0] for column in cursor.description]
        answers[name] = [dict(zip(columns, row)) for row in cursor.fetchall()]
    print(f"{time.monotonic() - begin:.3f}")
    args.out.write_text(json.dumps(answers, default=str))


def roll_up_days(database, question, directories):
    """Day after day, into one table each."""
    for number, directory in enumerate(directories):
        day = directory.name.removeprefix("date=")
        for table in ["flows", "payloads"]:
            files = f"read_parquet('{directory.parent.parent}/{table}/{directory.name}/*.parquet', hive_partitioning = false)"
            database.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * FROM {files}")
        for name in DAYS:
            text = question(f"day_{name}", day=day)
            if name in ["sources", "exploits"]:
                database.execute(f"CREATE OR REPLACE TEMP TABLE day_{name} AS {text}")
                text = f"SELECT * FROM day_{name}"
            into = f"INSERT INTO {name}" if number else f"CREATE TEMP TABLE {name} AS"
            database.execute(f"{into} {text}")


def roll_up_at_once(database, question, archive):
    """All days in one query: the day is one key more."""
    for table in ["flows", "payloads"]:
        files = f"read_parquet('{archive}/{table}/*/*.parquet', hive_partitioning = true)"
        database.execute(f"CREATE TEMP VIEW {table} AS SELECT *, date AS day FROM {files}")
    for name in DAYS:
        text = question(f"day_{name}", day="DAY").replace("DATE 'DAY' AS day", "day")
        for keys in ["family", "src, src6", "profile,", "exploit,", "url_host,", "username,"]:
            text = text.replace(f"GROUP BY {keys}", f"GROUP BY day, {keys}")
        text = text.replace("SELECT src, src6, max(country)", "SELECT day, src, src6, max(country)")
        database.execute(f"CREATE TEMP TABLE {name} AS {text}")
        if name in ["sources", "exploits"]:
            database.execute(f"CREATE TEMP VIEW day_{name} AS SELECT * FROM {name}")


if __name__ == "__main__":
    main()
