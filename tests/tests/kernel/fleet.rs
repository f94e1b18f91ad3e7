//! A fleet: real sensors, real scanners' SYNs, a real S3 server, and a network between them that fails.

use std::{fs, net::Ipv4Addr, path::Path, thread, time::Duration};

use honeyxdp_archive::{Archive, FlowRow, Table, Writer};
use lab::{
    archived::{self, good},
    bpffs::BpfFs,
    fleet::{Fleet, RestartScenario, wait_until},
    network::SENSOR,
    random::Random,
    s3::BUCKET,
    sensor::Sensor,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::{BINARY, FLEET, LAB};

const PROGRAMS: [(&str, &str); 2] = [("honeyxdp", BINARY), ("honeyxdp-fleet", FLEET)];

fn fleet() -> Fleet {
    Fleet::new(LAB, &PROGRAMS)
}

#[test]
fn the_network_is_cut_and_every_row_arrives_once() {
    let fleet = fleet();
    let post = fleet.post(1);
    let mut sensor = fleet.start(&post, "--sensor-id one --site tokyo");
    post.scan(0..1_000);
    wait_until("the first rows are in the bucket", || {
        fleet.objects(Table::Flows) > 0 && fleet.objects(Table::Accounting) > 0
    });
    post.cut(true);
    for part in 1..6 {
        post.scan(part * 1_000..(part + 1) * 1_000);
        thread::sleep(Duration::from_millis(400));
    }
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 6_000).unwrap();
    archived::wait_for(&post.spool(), |spool| spool.packets + spool.missing == 6_000);
    sensor.wait_for_line("none is lost, and it is tried again").unwrap();
    post.cut(false);
    sensor.wait_for_line("works again").unwrap();
    post.scan(6_000..7_000);
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 7_000).unwrap();
    let last = sensor.stop().unwrap();
    assert_eq!(last.family("mirai").packets, 7_000);

    let (_directory, archive) = fleet.fetched();
    let checked = good(&archive);
    assert_eq!((checked.syns, checked.packets, checked.missing), (7_000, 7_000, 0));
    assert_eq!(checked.leftovers, [""; 0]);
}

#[test]
fn killed_in_the_middle_of_an_upload_and_every_row_arrives_once() {
    let fleet = fleet();
    let post = fleet.post(2);
    let pins = BpfFs::mount().unwrap();
    let args = format!("--sensor-id two --pin --pin-path {}", pins.directory("pins").display());
    let sensor = fleet.start(&post, &args);
    post.scan(0..1_000);
    wait_until("the first rows are in the bucket", || fleet.objects(Table::Accounting) > 0);
    // It has sent a part of a request, and waits for an answer.
    fleet.server.hold(true).unwrap();
    for part in 1..4 {
        post.scan(part * 1_000..(part + 1) * 1_000);
        thread::sleep(Duration::from_millis(400));
    }
    archived::wait_for(&post.spool(), |spool| spool.packets + spool.missing == 4_000);
    let uploader = children(sensor.pid());
    sensor.signal(Signal::KILL).unwrap();
    for child in &uploader {
        kill_process(*child, Signal::KILL).unwrap();
    }
    assert_eq!(uploader.len(), 1);
    drop(sensor);
    post.scan(4_000..5_000);
    fleet.server.hold(false).unwrap();

    let sensor = fleet.start(&post, &args);
    post.scan(5_000..6_000);
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 6_000).unwrap();
    drop(sensor.stop().unwrap());
    let (_directory, archive) = fleet.fetched();
    let checked = good(&archive);
    assert_eq!((checked.syns, checked.packets + checked.missing), (6_000, 6_000));
    assert!(checked.missing <= 1_000, "only what the killed process had read and not written: {}", checked.missing);
}

/// Processes that a process started.
fn children(pid: u32) -> Vec<Pid> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    text.split_whitespace().map(|child| Pid::from_raw(child.parse().unwrap()).unwrap()).collect()
}

#[test]
fn four_sensors_are_one_archive() {
    let fleet = fleet();
    let posts: Vec<RestartScenario> = (1..=4).map(|number| fleet.post(number)).collect();
    let start = |post: &RestartScenario| {
        let site = if post.number <= 2 { "tokyo" } else { "osaka" };
        fleet.start(post, &format!("--sensor-id sensor-{} --site {site}", post.number))
    };
    let sensors: Vec<Sensor> = posts.iter().map(start).collect();
    // Each sees 3,000 sources, 1,000 of them with the next one.
    for post in &posts {
        let first = u32::from(post.number) * 2_000;
        post.scan(first..first + 3_000);
    }
    for sensor in sensors {
        sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 3_000).unwrap();
        sensor.stop().unwrap();
    }
    let (_directory, archive) = fleet.fetched();
    let checked = good(&archive);
    assert_eq!((checked.packets, checked.missing), (12_000, 0));
    assert_eq!(sources(&archive), 9_000, "and not 12,000");

    let place = format!("s3://{BUCKET}/archive");
    let output = fleet.command(&["status", &place, "--json"]).output().unwrap();
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |field: &str| -> Vec<String> {
        status["sensors"].as_array().unwrap().iter().map(|sensor| sensor[field].to_string()).collect()
    };
    assert_eq!(of("site"), [r#""osaka""#, r#""osaka""#, r#""tokyo""#, r#""tokyo""#]);
    assert_eq!(of("syns"), ["3000"; 4]);
    assert_eq!(of("state"), [r#""up""#; 4]);
    // As somebody sees it who looks an hour later.
    let later = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string();
    let output = fleet.command(&["status", &place, "--check", "--at", &later]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("4 of 4 sensors are silent"), "{error}");
}

#[test]
fn an_archive_with_a_large_file_is_uploaded_by_hand() {
    let fleet = fleet();
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(&Archive::new(directory.path()), "replayed", 1 << 21).unwrap();
    // As random as it takes to be larger than what goes in one piece.
    let mut random = Random::new(7);
    for number in 0..1_500_000 {
        let word = random.word();
        let time = 1_572_912_000_000 + number / 100;
        writer
            .push(FlowRow {
                interval_start: time,
                interval_end: time,
                family: "zmap",
                rule_id: "zmap/1",
                attributed_family: None,
                src: Ipv4Addr::from(word).into(),
                protocol: honeyxdp_archive::TCP,
                src_port_first: None,
                src_port_last: None,
                dst_port: 80,
                packets: 1,
                first_seen: time,
                last_seen: time,
                matched: 1,
                tcp_window: 65_535,
                ttl: 64,
                dont_fragment: None,
                options_length: 0,
                options_head: 0,
                ip_id: 54_321,
                seq_first: word,
                seq_last: !word,
                country: None,
                asn: None,
            })
            .unwrap();
    }
    writer.flush().unwrap();
    let place = format!("s3://{BUCKET}/archive");
    let args = ["upload", directory.path().to_str().unwrap(), &place, "--once", "--json"];
    let output = fleet.command(&args).output().unwrap();
    let done: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(done["files"] == 1 && done["bytes"].as_u64() > Some(9 << 20), "{output:?}");
    let (_fetched, archive) = fleet.fetched();
    let only = |archive: &Archive| {
        let date = archive.dates(Table::Flows).unwrap()[0];
        fs::read(&archive.files(Table::Flows, date).unwrap()[0].path).unwrap()
    };
    assert!(only(&archive) == only(&Archive::new(directory.path())));
    // Nothing is left to do.
    let output = fleet.command(&args).output().unwrap();
    let done: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(done["files"], 0);
}

/// Different sources in the rows of an archive.
fn sources(archive: &Archive) -> usize {
    let sources = archived::batches(archive, Table::Flows);
    let sources = sources.iter().flat_map(|batch| {
        use arrow_array::{cast::AsArray as _, types::UInt32Type};
        batch.column_by_name("src").unwrap().as_primitive::<UInt32Type>().values().to_vec()
    });
    sources.collect::<std::collections::BTreeSet<u32>>().len()
}

#[test]
fn a_place_that_cannot_be_used_is_said_before_anything_is_attached() {
    let fleet = fleet();
    let post = fleet.post(5);
    let run = |program: &Path, args: &[&str]| {
        let mut command = post.veth.sensor.command(program);
        let output =
            command.args(["run", "-i", SENSOR, "--out"]).arg(post.directory.path()).args(args).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let program = fleet.program("honeyxdp");
    let error = run(&program, &["--archive", "ftp://example.com/archive"]);
    assert!(error.contains("write it as s3://bucket/prefix"), "{error}");
    let error = run(&program, &["--archive", "s3://bucket/prefix", "--archive-age", "9d"]);
    assert!(error.contains("rules of its bucket"), "{error}");
    let error = run(&program, &["--archive", "directory", "--archive-spool", "another"]);
    assert!(error.contains("--archive-spool is for an archive on object storage"), "{error}");
    // Without the program that uploads.
    fs::remove_file(fleet.program("honeyxdp-fleet")).unwrap();
    let error = run(&program, &["--archive", "s3://bucket/prefix"]);
    assert!(error.contains("needs the program honeyxdp-fleet"), "{error}");
}
