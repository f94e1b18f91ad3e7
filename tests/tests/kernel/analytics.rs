//! Other people's engines give the answers that are in the rows, whatever lies in an archive; and what contrib/ has for them works.

mod mixed;

use std::{
    fs,
    io::{Seek as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use honeyxdp_archive::check;
use lab::python::{self, CHDB, DUCKDB, PANDAS, SPARK, python};
use mixed::{DATES, Mixed};
use serde_json::{Value, json};
use tempfile::TempDir;

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");
const QUESTIONS: [&str; 5] = ["families", "countries", "ports", "sensors", "missing"];

/// Does what clickhouse-client and clickhouse-local do with statements from their standard input and `--param_NAME=VALUE`.
const CLICKHOUSE: &str = r#"
import os, sys
from chdb.session import Session
parameters = dict(argument.removeprefix("--param_").split("=", 1) for argument in sys.argv[1:])
answer = Session(os.environ.get("CHDB")).query(sys.stdin.read(), "JSONEachRow", params=parameters)
sys.stdout.buffer.write(answer.bytes() or b"")
"#;

fn contrib(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../contrib").join(path)
}

/// What a command prints, which is to succeed.
fn printed(command: &mut Command) -> String {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; `cargo xtask test` installs it"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command:?}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn answers(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// An archive with everything, the same to all engines.
fn whole() -> Mixed {
    let mixed = Mixed::whole();
    mixed.age();
    mixed
}

fn assert_right(engine: &str, found: &[Value], mixed: &Mixed) {
    let right = mixed.truth.answers();
    for question in QUESTIONS {
        let of = |answers: &[Value]| -> Vec<String> {
            answers.iter().filter(|answer| answer["question"] == question).map(Value::to_string).collect()
        };
        assert_eq!(of(found), of(&right), "{engine}, {question}");
    }
    assert_eq!(found.len(), right.len(), "{engine}");
}

fn duckdb() -> Command {
    Command::new(python::directory(Path::new(TARGET), DUCKDB).join("duckdb_cli/duckdb"))
}

#[test]
fn duckdb_answers_what_is_in_the_rows() {
    let mixed = whole();
    let archive = format!("SET VARIABLE archive = '{}'", mixed.root().display());
    let mut duckdb = duckdb();
    duckdb.args(["-bail", "-jsonlines", "-cmd", &archive, "-f"]).arg(contrib("duckdb/archive.sql"));
    assert_right("DuckDB", &answers(&printed(&mut duckdb)), &mixed);
}

#[test]
fn who_does_not_look_at_names_counts_twice() {
    let mixed = Mixed::whole();
    for file in mixed.all_files() {
        // What is no archive's file is no trap of this one.
        let _ = fs::remove_file(file.path.with_file_name("notes.parquet"));
    }
    let files = mixed.root().join("flows/*/*.parquet");
    let query = format!("SELECT sum(packets)::BIGINT AS packets FROM read_parquet('{}')", files.display());
    let found = answers(&printed(duckdb().args(["-jsonlines", "-c", &query])));
    let right = check(&mixed.archive).unwrap().packets;
    assert_eq!(right, mixed.truth.rows.iter().map(|(_, row)| u64::from(row.packets)).sum::<u64>());
    assert!(found[0]["packets"].as_u64().unwrap() > right, "{found:?}");
}

#[test]
fn pandas_answers_what_is_in_the_rows() {
    let mixed = whole();
    let mut pandas = python(Path::new(TARGET), PANDAS);
    pandas.arg(contrib("python/in_pandas.py")).arg(mixed.root());
    assert_right("pandas", &answers(&printed(&mut pandas)), &mixed);
}

#[test]
fn spark_answers_what_is_in_the_rows() {
    let mixed = whole();
    let directory = tempfile::tempdir().unwrap();
    let mut spark = python(Path::new(TARGET), SPARK);
    spark.arg(contrib("python/in_spark.py")).arg(mixed.root()).current_dir(&directory);
    let conf =
        "--conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false --conf spark.sql.shuffle.partitions=1";
    spark.env("SPARK_LOCAL_IP", "127.0.0.1").env("SPARK_LOCAL_DIRS", directory.path());
    spark.env("PYSPARK_SUBMIT_ARGS", format!("--master local[1] {conf} pyspark-shell"));
    assert_right("Spark", &answers(&printed(&mut spark)), &mixed);
}

/// A ClickHouse server, as far as the scripts can tell.
struct ClickHouse(TempDir);

impl ClickHouse {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("client.py"), CLICKHOUSE).unwrap();
        Self(directory)
    }

    /// Answers statements.
    fn ask(&self, statements: &str, parameters: &[String]) -> String {
        printed(&mut self.client(statements, parameters))
    }

    fn client(&self, statements: &str, parameters: &[String]) -> Command {
        let mut client = python(Path::new(TARGET), CHDB);
        client.arg(self.0.path().join("client.py")).args(parameters).env("CHDB", self.0.path().join("data"));
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(statements.as_bytes()).unwrap();
        input.rewind().unwrap();
        client.stdin(Stdio::from(input));
        client
    }

    /// The command that takes all dates in by the scripts in this directory.
    fn ingest_by(&self, scripts: &Path, mixed: &Mixed) -> Command {
        let mut ingest = Command::new("sh");
        ingest.arg(scripts.join("ingest.sh")).arg(mixed.root()).args(DATES).arg("2019-11-07");
        ingest.env("CLICKHOUSE_CLIENT", format!("python3 {}", self.0.path().join("client.py").display()));
        ingest.env("PYTHONPATH", python::directory(Path::new(TARGET), CHDB)).env("CHDB", self.0.path().join("data"));
        ingest
    }

    /// Takes all dates in, and returns what the script says.
    fn ingest(&self, mixed: &Mixed) -> String {
        printed(&mut self.ingest_by(&contrib("clickhouse"), mixed))
    }

    fn assert_right(&self, when: &str, mixed: &Mixed) {
        let limit = |question: &str| if question == "ports" { "LIMIT 10" } else { "" };
        let queries = QUESTIONS.map(|question| {
            format!(
                "SELECT '{question}' AS question, * FROM honeyxdp.{question}(since = '{}', until = '{}') {};",
                DATES[0],
                DATES[1],
                limit(question)
            )
        });
        assert_right(when, &answers(&self.ask(&queries.concat(), &[])), mixed);
        let counts = "SELECT count() AS payloads, uniqExact(payload, username) AS different,
            min(length(payload)) AS bytes FROM honeyxdp.payloads;
            SELECT DISTINCT source = coalesce(src6, toIPv6('::ffff:' || toString(src))) AS good FROM honeyxdp.flows";
        let counts = answers(&self.ask(counts, &[]));
        assert_eq!(counts[0]["payloads"], mixed.truth.payloads, "{when}");
        assert_eq!((&counts[0]["different"], &counts[0]["bytes"]), (&1.into(), &256.into()), "{when}");
        assert_eq!(counts[1..], [json!({"good": 1})], "{when}");
    }
}

#[test]
fn clickhouse_answers_what_is_in_the_rows_of_files() {
    let mixed = whole();
    let statements = fs::read_to_string(contrib("clickhouse/archive.sql")).unwrap();
    let archive = format!("--param_archive={}", mixed.root().display());
    assert_right("ClickHouse", &answers(&ClickHouse::new().ask(&statements, &[archive])), &mixed);
}

#[test]
fn a_clickhouse_server_counts_every_row_once_however_often_it_is_taken_in() {
    let clickhouse = ClickHouse::new();
    let schema = fs::read_to_string(contrib("clickhouse/schema.sql")).unwrap();
    clickhouse.ask(&schema, &[]);
    let mut mixed = Mixed::empty();
    mixed.write(0);
    assert_eq!(clickhouse.ingest(&mixed).lines().count(), 6);
    clickhouse.assert_right("new files", &mixed);

    // The schema may be run again. A run that was killed left its tables.
    clickhouse.ask(&schema, &[]);
    clickhouse.ask("CREATE TABLE honeyxdp.staging_flows_20191105_1_1 AS honeyxdp.flows", &[]);
    assert_eq!(clickhouse.ingest(&mixed), "", "nothing is new");
    assert_eq!(clickhouse.ask("SELECT name FROM system.tables WHERE name LIKE 'staging%'", &[]), "");

    clickhouse.ask("TRUNCATE TABLE honeyxdp.ingested", &[]);
    assert_eq!(clickhouse.ingest(&mixed).lines().count(), 6);
    clickhouse.assert_right("the same files again", &mixed);

    mixed.merge();
    mixed.write(1);
    mixed.merge();
    mixed.write(2);
    mixed.leave_behind();
    mixed.age();
    assert_eq!(clickhouse.ingest(&mixed).lines().count(), 6);
    clickhouse.assert_right("merged files, and what they stand in for", &mixed);
    let sites = clickhouse.ask("SELECT DISTINCT sensor, site FROM honeyxdp.flows WHERE site IS NOT NULL", &[]);
    assert_eq!(answers(&sites), [json!({"sensor": "oslo-2", "site": "nordic"})]);
}

/// What a command says that is to fail.
fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// A script with one statement more before this part of it.
fn with_statement(script: &str, statement: &str, before: &str) -> String {
    let text = fs::read_to_string(contrib(script)).unwrap();
    assert_eq!(text.matches(before).count(), 1, "{script}");
    text.replace(before, &format!("{statement};\n{before}"))
}

#[test]
fn files_that_are_merged_meanwhile_are_an_error_and_no_answer() {
    let mut mixed = Mixed::empty();
    mixed.write(0);
    // A merged file comes to be after the directory was listed for the first time.
    let merged = |level: u8| {
        let name = format!("tokyo-000000000000001-999999999999999-{level}.parquet");
        mixed.root().join("flows").join(format!("date={}", DATES[0])).join(name)
    };
    let clickhouse = ClickHouse::new();
    clickhouse.ask(&fs::read_to_string(contrib("clickhouse/schema.sql")).unwrap(), &[]);
    clickhouse.ingest(&mixed);
    clickhouse.ask("TRUNCATE TABLE honeyxdp.ingested", &[]);
    let scripts = tempfile::tempdir().unwrap();
    fs::copy(contrib("clickhouse/ingest.sh"), scripts.path().join("ingest.sh")).unwrap();

    let make = |level: u8| format!("INSERT INTO FUNCTION file('{}', Parquet) SELECT 1 AS x", merged(level).display());
    let ingest = with_statement("clickhouse/ingest.sql", &make(1), "SELECT throwIf(");
    fs::write(scripts.path().join("ingest.sql"), ingest).unwrap();
    let said = refused(&mut clickhouse.ingest_by(scripts.path(), &mixed));
    assert!(said.contains("run it again"), "{said}");
    clickhouse.assert_right("after an error", &mixed);
    fs::remove_file(merged(1)).unwrap();

    let script = with_statement("clickhouse/archive.sql", &make(1), "CREATE TEMPORARY TABLE afterwards");
    let archive = format!("--param_archive={}", mixed.root().display());
    let said = refused(&mut clickhouse.client(&script, &[archive]));
    assert!(said.contains("run it again"), "{said}");
    fs::remove_file(merged(1)).unwrap();

    let make = format!("COPY (SELECT 1 AS x) TO '{}'", merged(2).display());
    let script = scripts.path().join("archive.sql");
    fs::write(&script, with_statement("duckdb/archive.sql", &make, "SET VARIABLE merged")).unwrap();
    let archive = format!("SET VARIABLE archive = '{}'", mixed.root().display());
    let said = refused(duckdb().args(["-bail", "-jsonlines", "-cmd", &archive, "-f"]).arg(&script));
    assert!(said.contains("run it again"), "{said}");

    let lists =
        format!("lists = [['{0}/a-{1:015}-{1:015}-0.parquet'], ['{0}/a-{1:015}-{2:015}-1.parquet']]", "/x", 1, 2);
    let code = format!("import files_that_count\n{lists}\nprint(files_that_count.of(lambda: lists.pop(0)))");
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", contrib("python")).env("PYTHONDONTWRITEBYTECODE", "1").args(["-c", &code]);
    let said = refused(&mut python);
    assert!(said.contains("run it again"), "{said}");
}
