//! Sensors, object storage and a cluster together: what four sensors counted is one report, and it is right.
//!
//! Needs honeyxdp-report beside the command line under test. cargo puts it there when it builds the workspace's tests.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use honeyxdp_archive::{AccountingRow, FlowRow, Table, Writer};
use lab::{
    fleet::{Fleet, RestartScenario, wait_until},
    s3::BUCKET,
    sensor::Sensor,
};

use crate::{BINARY, FLEET, LAB};

/// 1 November 2026, and the days from then on that every sensor has written before.
const NOVEMBER: i64 = 1_793_491_200_000;
const DAYS: i64 = 12;
const DAY: i64 = 86_400_000;
/// Sources that a sensor sees now, and those of them that it saw on every day before.
const NOW: u32 = 3_000;
const BEFORE: u32 = 500;
/// Each sensor's sources begin so far behind those of the one before.
const APART: u32 = 2_000;
const SENSORS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(600);
/// Ports that no connection is given as its own.
const SCHEDULER: &str = "127.0.0.1:20050";

/// A process that is killed when this is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn first_source(post: &RestartScenario) -> u32 {
    u32::from(post.number - 1) * APART
}

/// Days that a sensor counted and has not uploaded yet.
fn history(post: &RestartScenario, sensor: &str, site: &str) {
    let mut writer = Writer::open(&post.spool(), sensor, 10_000).unwrap();
    writer.at_site(Some(site));
    for day in 0..DAYS {
        let time = NOVEMBER + day * DAY;
        for number in 0..BEFORE {
            let row = FlowRow {
                interval_start: time,
                interval_end: time + 1_000,
                family: "mirai",
                rule_id: "mirai/1",
                attributed_family: None,
                src: Ipv4Addr::from(0xC612_1000 + first_source(post) + number).into(),
                protocol: honeyxdp_archive::TCP,
                src_port_first: None,
                src_port_last: None,
                dst_port: 23,
                packets: 1,
                first_seen: time,
                last_seen: time,
                matched: 2,
                tcp_window: 0,
                ttl: 64,
                dont_fragment: None,
                options_length: 0,
                options_head: 0,
                ip_id: 0,
                seq_first: 0,
                seq_last: 0,
                country: None,
                asn: None,
            };
            writer.push(row).unwrap();
        }
        let syns = u64::from(BEFORE);
        let loss = AccountingRow {
            interval_start: time,
            interval_end: time + 1_000,
            syns,
            packets: syns,
            ..AccountingRow::default()
        };
        writer.account(loss);
        writer.flush().unwrap();
    }
}

/// A report of everything in the bucket, with its roll-ups, in this directory.
fn report(fleet: &Fleet, directory: &Path, more: &[&str]) -> Process {
    let archive = format!("s3://{BUCKET}/archive");
    let (out, rollups) = (directory.join("out"), directory.join("rollups"));
    let [out, rollups] = [&out, &rollups].map(|path| path.to_str().unwrap());
    let args = ["report", "--archive", &archive, "--by-sensor", "--no-png", "--out", out, "--rollups", rollups];
    let mut command = fleet.honeyxdp(&[&args, more].concat());
    Process(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Waits for a report, and returns its tables by their files' names, and what it warned of.
fn made(mut report: Process, directory: &Path) -> (Vec<(String, String)>, String) {
    // What a dead executor had is missed after seconds, and asked again after more.
    let start = Instant::now();
    while report.0.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < PATIENCE, "the report does not end");
        thread::sleep(Duration::from_millis(50));
    }
    let warned = std::io::read_to_string(report.0.stderr.take().unwrap()).unwrap();
    assert!(report.0.wait().unwrap().success(), "{warned}");
    let files = fs::read_dir(directory.join("out")).unwrap().map(|file| file.unwrap().path());
    let is_table = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "csv" || end == "json");
    let table = |path: std::path::PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap())
    };
    let mut tables: Vec<_> = files.filter(is_table).map(table).collect();
    tables.sort();
    assert!(tables.len() > 20);
    (tables, warned)
}

/// The fields of a column, which has no commas in it.
fn column(tables: &[(String, String)], file: &str, name: &str) -> Vec<String> {
    let text = &tables.iter().find(|(found, _)| found == file).unwrap().1;
    let mut lines = text.lines().map(|line| line.trim_start_matches('\u{feff}').split(',').collect::<Vec<_>>());
    let at = lines.next().unwrap().iter().position(|found| *found == name).unwrap();
    lines.map(|fields| fields[at].trim_matches('"').to_owned()).collect()
}

#[test]
fn four_sensors_one_store_a_scheduler_and_two_executors_make_one_report_also_when_one_is_killed() {
    let report_program = Path::new(BINARY).with_file_name("honeyxdp-report");
    assert!(report_program.is_file(), "{} is missing: run `cargo xtask test`", report_program.display());
    let programs =
        [("honeyxdp", BINARY), ("honeyxdp-fleet", FLEET), ("honeyxdp-report", report_program.to_str().unwrap())];
    let fleet = Fleet::new(LAB, &programs);
    let posts: Vec<RestartScenario> = (1..=4).map(|number| fleet.post(number)).collect();
    let start = |post: &RestartScenario| {
        let (sensor, site) = (format!("sensor-{}", post.number), if post.number <= 2 { "tokyo" } else { "osaka" });
        history(post, &sensor, site);
        fleet.start(post, &format!("--sensor-id {sensor} --site {site}"))
    };
    let sensors: Vec<Sensor> = posts.iter().map(start).collect();
    for post in &posts {
        post.scan(first_source(post)..first_source(post) + NOW);
    }
    for sensor in sensors {
        sensor.wait_for(|snapshot| snapshot.family("mirai").packets == u64::from(NOW)).unwrap();
        sensor.stop().unwrap();
    }
    assert!(fleet.objects(Table::Flows) >= 4 * usize::try_from(DAYS).unwrap());

    let directory = tempfile::tempdir().unwrap();
    let directory = |name: &str| directory.path().join(name);
    let here = made(report(&fleet, &directory("here"), &[]), &directory("here")).0;
    // The truth.
    let packets = NOW + u32::try_from(DAYS).unwrap() * BEFORE;
    assert_eq!(column(&here, "totals.csv", "sources"), [((SENSORS - 1) * APART + NOW).to_string()]);
    assert_eq!(column(&here, "totals.csv", "packets"), [(SENSORS * packets).to_string()]);
    assert_eq!(column(&here, "sensors.csv", "sensor"), ["sensor-1", "sensor-2", "sensor-3", "sensor-4"]);
    assert_eq!(column(&here, "sensors.csv", "site"), ["tokyo", "tokyo", "osaka", "osaka"]);
    assert_eq!(column(&here, "sensors.csv", "sources"), vec![NOW.to_string(); 4]);
    assert_eq!(column(&here, "sensors.csv", "packets"), vec![packets.to_string(); 4]);
    let shared = NOW - APART;
    let alone = [NOW - shared, NOW - 2 * shared, NOW - 2 * shared, NOW - shared].map(|alone| alone.to_string());
    assert_eq!(column(&here, "sensors.csv", "alone"), alone);

    let cluster = |args: &[&str]| Process(fleet.honeyxdp(&[&["cluster"], args].concat()).spawn().unwrap());
    let listening = |address: &str| {
        let connects = || fleet.hub.inside(|| TcpStream::connect(address).is_ok()).unwrap();
        wait_until(&format!("{address} listens"), connects);
    };
    let _scheduler = cluster(&["scheduler", "--bind", SCHEDULER, "--executor-timeout", "7"]);
    listening(SCHEDULER);
    let work = directory("work");
    let executor = |bind: &str| {
        let work = work.to_str().unwrap();
        let args = ["executor", "--scheduler", SCHEDULER, "--bind", bind, "--slots", "1", "--work-dir", work];
        cluster(&args)
    };
    let mut first = executor("127.0.0.1:20061");
    let mut second = executor("127.0.0.1:20062");
    listening("127.0.0.1:20061");
    listening("127.0.0.1:20062");
    let engine = format!("ballista://{SCHEDULER}");
    let asked = ["--engine", engine.as_str(), "--days-at-a-time", "2"];
    let (there, _) = made(report(&fleet, &directory("there"), &asked), &directory("there"));
    assert!(there == here, "the tables differ");
    assert!([&mut first, &mut second].iter_mut().all(|executor| executor.0.try_wait().unwrap().is_none()));

    let middle = directory("middle");
    let running = report(&fleet, &middle, &asked);
    let sealed = || {
        let files = fs::read_dir(middle.join("rollups")).into_iter().flatten();
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "seal")).count()
    };
    wait_until("the first days are done", || sealed() >= 2);
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let done = sealed();
    assert!(done < usize::try_from(DAYS).unwrap(), "{done} days were done: it was to be killed in the middle");
    let (killed, warned) = made(running, &middle);
    assert!(killed == here, "the tables differ\n{warned}");
}
