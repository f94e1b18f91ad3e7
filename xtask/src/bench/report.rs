//! `cargo xtask bench report`: the observation report of a large year, beside DuckDB with the same questions and files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::args::Report as Args;
use crate::{
    command::{build, repository, run, say, shown, target},
    programs::{self, Program},
    report::PROFILE,
};

const PROGRAMS: &[Program] = &[("python3", "python3"), ("pip3", "python3-pip")];
/// The version that docs/develop/benchmarks.md has figures of.
const DUCKDB: &str = "duckdb==2.0.0";

pub(super) fn main(args: &Args, rounds: u32) -> Result<()> {
    programs::install("The measurements", PROGRAMS)?;
    let report = build(PROFILE, "honeyxdp-report", "honeyxdp-report")?;
    let directory = target().join("tmp").join(format!("year-{}", args.rows));
    if !directory.join("truth.json").exists() || !directory.join("archive/payloads").exists() {
        // One that was not finished, or is from before there were payloads.
        let _ = fs::remove_dir_all(&directory);
        let year = build(PROFILE, "honeyxdp-year", "honeyxdp-year")?;
        run(Command::new(year).arg("--out").arg(&directory).args(["--rows", &args.rows.to_string()]))?;
    }
    let python = packages()?;
    let archive = directory.join("archive");
    let scratch = tempfile::tempdir_in(&directory)?;
    let (out, rollups, answers) =
        (scratch.path().join("out"), scratch.path().join("rollups"), scratch.path().join("answers.json"));

    let report = || {
        let mut command = Command::new(&report);
        command
            .args(["report", "--period", "2019", "--against", "none", "--show-passwords"])
            .arg("--archive")
            .arg(&archive);
        command.arg("--out").arg(&out).arg("--rollups").arg(&rollups);
        command.args(["--threads", &args.threads.to_string(), "--memory", &format!("{}GiB", args.memory)]);
        command
    };
    let duckdb = |how: &[&str]| {
        let mut command = Command::new("python3");
        command
            .env("PYTHONPATH", &python)
            .arg(repository().join("honeyxdp-report/benches/in_duckdb.py"))
            .arg(&archive)
            .arg("2019");
        command.arg("--temp").arg(scratch.path()).arg("--out").arg(&answers).args(how);
        command.args(["--threads", &args.threads.to_string(), "--memory", &format!("{}GB", args.memory)]);
        command
    };
    let mut taken: BTreeMap<&str, Vec<Taken>> = BTreeMap::new();
    for round in 1..=rounds {
        say(format!("round {round} of {rounds}"));
        let _ = fs::remove_dir_all(&rollups);
        for (name, command) in [
            ("1 honeyxdp report", report()),
            ("2 the same again, with roll-ups", report()),
            ("3 DuckDB, day after day", duckdb(&[])),
            ("4 DuckDB, all days at once", duckdb(&["--at-once"])),
        ] {
            let took = take(command)?;
            eprintln!("    {name:<34} {:>7.2} s", took.wall.as_secs_f64());
            taken.entry(name).or_default().push(took);
            if name.contains("DuckDB") {
                compare(&out, &answers)?;
            }
        }
    }
    println!("{} rows, {} threads, {} GiB; medians of {rounds}", args.rows, args.threads, args.memory);
    println!("{:<34} {:>9} {:>9} {:>9} {:>11}", "", "wall s", "least", "CPU s", "memory MiB");
    for (name, runs) in &taken {
        let of = |value: fn(&Taken) -> f64| {
            let mut values: Vec<_> = runs.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            (values[values.len() / 2], values[0])
        };
        let wall = of(|run| run.wall.as_secs_f64());
        println!(
            "{name:<34} {:>9.2} {:>9.2} {:>9.1} {:>11.0}",
            wall.0,
            wall.1,
            of(|run| run.cpu).0,
            of(|run| run.memory).0
        );
    }
    Ok(())
}

/// Installs DuckDB's package for Python into a directory of its own.
fn packages() -> Result<PathBuf> {
    let directory = target().join("tmp").join("python-of-bench");
    if !directory.join("duckdb").exists() {
        let mut pip = Command::new("pip3");
        run(pip.args(["install", "--quiet", "--only-binary", ":all:", "--target"]).arg(&directory).arg(DUCKDB))?;
    }
    Ok(directory)
}

/// What a program took.
struct Taken {
    wall: Duration,
    /// Seconds of all threads.
    cpu: f64,
    /// Most memory at a time, MiB.
    memory: f64,
}

/// Runs a program and looks at it every few milliseconds, as /proc does not know it when it has ended.
fn take(mut command: Command) -> Result<Taken> {
    let start = Instant::now();
    let mut child =
        command.stdout(Stdio::null()).spawn().with_context(|| format!("cannot start {}", shown(&command)))?;
    let process = PathBuf::from("/proc").join(child.id().to_string());
    let (mut cpu, mut memory) = (0.0, 0.0);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        (cpu, memory) = look(&process).unwrap_or((cpu, memory));
        thread::sleep(Duration::from_millis(20));
    };
    let wall = start.elapsed();
    ensure!(status.success(), "`{}` failed ({status})", shown(&command));
    Ok(Taken { wall, cpu, memory })
}

/// CPU seconds, and most memory in MiB.
fn look(process: &Path) -> Option<(f64, f64)> {
    /// Of /proc/PID/stat, in every kernel.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // The name before it may hold anything but ends with the last parenthesis; user and system time are 14 and 15.
    let times = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    let status = fs::read_to_string(process.join("status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?;
    Some((times.sum::<Result<f64, _>>().ok()? / TICKS, peak.parse::<f64>().ok()? / 1024.0))
}

/// Both have to say the same.
fn compare(report: &Path, answers: &Path) -> Result<()> {
    let answers: BTreeMap<String, Value> = serde_json::from_slice(&fs::read(answers)?)?;
    ensure!(!answers.is_empty(), "DuckDB answered nothing");
    for (name, rows) in answers {
        let file = report.join(format!("{name}.json"));
        let own: Value = serde_json::from_slice(&fs::read(&file).with_context(|| format!("no {}", file.display()))?)?;
        ensure!(own == rows, "the table {name} of the report is not DuckDB's");
    }
    Ok(())
}
