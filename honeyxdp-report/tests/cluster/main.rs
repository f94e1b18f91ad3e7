//! A report that is asked of a cluster is the one that is made in the process.

mod made;
mod processes;

use std::{
    fs,
    path::Path,
    process::Command,
    sync::Mutex,
    time::{Duration, Instant},
};

use honeyxdp_report::{
    cluster::Address,
    period::Step,
    report::{self, Against, Asked, GeoFiles, Language, Profiles, Report, Request, Scope},
};
use jiff::tz::TimeZone;
use tempfile::TempDir;

use self::processes::Process;

const DAYS: u16 = 33;

/// An archive of some days in two months, and a report of it.
fn days() -> (TempDir, Request) {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_owned();
    let year = honeyxdp_year::Request { out, rows: 8_000, scale: Some(0.002), seed: 5, years: 1, days: DAYS };
    honeyxdp_year::make(&year).unwrap();
    let request = Request {
        archive: directory.path().join("archive"),
        engine: None,
        scope: Scope::default(),
        by_sensor: true,
        period: None,
        against: Against::Before,
        zone: TimeZone::UTC,
        bucket: Step::Day,
        home: "JP".into(),
        ports: vec![23, 52869],
        profiles: Profiles::own().unwrap(),
        geo: GeoFiles::default(),
        show_passwords: true,
        language: Language::En,
        out: directory.path().join("here"),
        rollups: Some(directory.path().join("rollups-here")),
        memory: 256 << 20,
        threads: 2,
        png: false,
    };
    (directory, request)
}

/// The same report of a cluster.
fn there(request: &Request, scheduler: &Address) -> Request {
    Request {
        engine: Some(Asked { scheduler: scheduler.clone(), days: 4 }),
        out: request.out.with_file_name("there"),
        rollups: Some(request.out.with_file_name("rollups-there")),
        ..request.clone()
    }
}

fn make(request: &Request) -> anyhow::Result<Report> {
    report::make(request, &|_, _| ())
}

fn assert_same(one: &Request, other: &Request) {
    let (tables, others) = (made::tables(&one.out), made::tables(&other.out));
    assert!(tables.len() >= 40 && tables.keys().eq(others.keys()), "{:?} {:?}", tables.keys(), others.keys());
    for (name, table) in &tables {
        assert!(table == &others[name], "{name}: {}", String::from_utf8_lossy(&others[name]));
    }
    let [rollups, others] = [one, other].map(|request| made::rollups(request.rollups.as_ref().unwrap()));
    assert!(rollups.len() > usize::from(DAYS) * 6, "payloads on most days");
    assert!(rollups.keys().eq(others.keys()), "{:?} {:?}", rollups.keys(), others.keys());
    for (name, rows) in &rollups {
        assert_eq!(rows, &others[name], "{name}");
    }
}

#[test]
fn two_executors_answer_as_this_process_does() {
    let (directory, mut here) = days();
    let (_scheduler, address) = Process::scheduler();
    let _executors = [(); 2].map(|()| Process::executor(&address, directory.path()));
    for zone in ["UTC", "Asia/Tokyo"] {
        here.zone = TimeZone::get(zone).unwrap();
        let there = there(&here, &address);
        let reports = [make(&here).unwrap(), make(&there).unwrap()];
        assert_eq!(reports[1].days, reports[0].days);
        assert_eq!(reports[1].warnings, Vec::<String>::new());
        assert_same(&here, &there);
        // And what it kept is good for a report of the process.
        let known = make(&Request { engine: None, ..there.clone() }).unwrap();
        assert_eq!(known.days.0, known.days.1);
        assert_same(&here, &there);
    }
}

#[test]
fn a_killed_executor_changes_nothing() {
    let (directory, here) = days();
    make(&here).unwrap();
    let (_scheduler, address) = Process::scheduler();
    let doomed = Process::executor(&address, directory.path());
    let _left = Process::executor(&address, directory.path());
    let there = there(&here, &address);
    let doomed = Mutex::new(Some(doomed));
    let left_to_do = Mutex::new(0);
    let kill = |done, of| {
        if let Some(doomed) = doomed.lock().unwrap().take() {
            doomed.await_words("Received task");
            doomed.kill();
            *left_to_do.lock().unwrap() = of - done;
        }
    };
    let report = report::make(&there, &kill).unwrap();
    assert!(*left_to_do.lock().unwrap() >= usize::from(DAYS) / 2, "it was killed in the middle");
    assert_eq!(report.days, (usize::from(DAYS), 0));
    assert_same(&here, &there);
}

#[test]
fn who_is_not_there_is_named_soon() {
    let (directory, here) = days();
    let start = Instant::now();
    // A port that nobody listens on.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let error = format!("{:#}", make(&there(&here, &address.parse().unwrap())).unwrap_err());
    assert!(error.contains("no scheduler answers at ballista://127.0.0.1:"), "{error}");
    let (scheduler, address) = Process::scheduler();
    let error = format!("{:#}", make(&there(&here, &address)).unwrap_err());
    assert!(error.contains("has no executor") && error.contains("honeyxdp cluster executor"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    // What listens is no scheduler.
    let executor = Process::executor(&address, directory.path());
    let said = executor.await_words("the executor listens on ");
    let own = said.split("listens on ").nth(1).unwrap().split(',').next().unwrap();
    executor.await_words("arrow flight");
    let error = format!("{:#}", make(&there(&here, &own.parse().unwrap())).unwrap_err());
    assert!(error.contains("no scheduler answers"), "{error}");
    drop(scheduler);
}

#[test]
fn a_damaged_file_is_not_asked_for_again_and_again() {
    let (directory, here) = days();
    let archive = honeyxdp_archive::Archive::new(&here.archive);
    let date = archive.dates(honeyxdp_archive::Table::Flows).unwrap()[2];
    let file = archive.files(honeyxdp_archive::Table::Flows, date).unwrap().remove(0);
    fs::File::options().write(true).open(&file.path).unwrap().set_len(file.bytes - 100).unwrap();
    let (_scheduler, address) = Process::scheduler();
    let _executor = Process::executor(&address, directory.path());
    let start = Instant::now();
    let error = format!("{:#}", make(&there(&here, &address)).unwrap_err());
    assert!(error.contains(&format!("{date} (`honeyxdp archive check`")), "{error}");
    assert!(!error.contains('\n') && start.elapsed() < Duration::from_secs(30), "{error}");
}

#[test]
fn sigterm_ends_both_and_leaves_nothing() {
    let (directory, here) = days();
    let work = directory.path().join("work");
    let (scheduler, address) = Process::scheduler();
    let executor = Process::executor(&address, &work);
    make(&there(&here, &address)).unwrap();
    assert_eq!(fs::read_dir(&work).unwrap().count(), 1);
    assert!(executor.terminate().success());
    assert_eq!(fs::read_dir(&work).unwrap().count(), 0);
    assert!(scheduler.terminate().success());
}

#[test]
fn a_place_is_read_as_a_directory_is() {
    let (_directory, here) = days();
    make(&here).unwrap();
    let url = format!("file://{}", here.archive.display());
    let place = Request {
        archive: url.into(),
        out: here.out.with_file_name("place"),
        rollups: Some(here.out.with_file_name("rollups-place")),
        ..here.clone()
    };
    make(&place).unwrap();
    assert_eq!(made::tables(&place.out), made::tables(&here.out));
    let again = make(&place).unwrap();
    assert_eq!(again.days, (usize::from(DAYS), usize::from(DAYS)), "its objects are known again");
}

#[test]
fn what_a_cluster_cannot_do_is_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let program = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_honeyxdp-report")).args(args).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let report = |archive: &str, more: &[&str]| {
        program(&[&["report", "--archive", archive, "--out", out.to_str().unwrap()], more].concat())
    };
    for flag in ["--geoip", "--asn"] {
        let (status, message) = report("/a", &["--engine", "ballista://127.0.0.1:1", flag, "/nonexistent.mmdb"]);
        assert!(status == Some(1) && message.contains("--geoip and --asn"), "{message}");
        assert!(!Path::new(&out).exists());
    }
    assert_eq!(report("/a", &["--engine", "http://127.0.0.1:1"]).0, Some(2));
    assert_eq!(report("/a", &["--days-at-a-time", "3"]).0, Some(2), "without a cluster");
    let (status, message) = report("ftp://host/archive", &[]);
    assert!(status == Some(1) && message.contains("s3://bucket/prefix"), "{message}");
    let (status, message) = program(&["campaigns", "--archive", "s3://bucket/archive"]);
    assert!(status == Some(1) && message.contains("honeyxdp fleet fetch s3://bucket/archive DIR"), "{message}");
    assert_eq!(program(&["cluster", "scheduler", "--executor-timeout", "1"]).0, Some(2));
    let (status, message) = program(&["cluster", "scheduler", "--bind", "192.0.2.1:50050"]);
    assert!(status == Some(1) && message.contains("--bind"), "{message}");
}
