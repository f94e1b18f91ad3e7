//! The archive: what a sensor and a replay write, and that other people's tools read it.

use std::{
    fs,
    io::BufWriter,
    path::Path,
    process::Command,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use arrow_array::{
    RecordBatch,
    cast::AsArray as _,
    types::{TimestampMillisecondType, UInt32Type},
};
use honeyxdp_archive::{Archive, Attribution, CaptureMode, Classification, PayloadRow, Table, Writer, check};
use lab::{
    archived::{self, batches, good, mirai},
    network::{SENSOR, VethPair},
    pcap, python,
    sensor::Sensor,
};

use crate::BINARY;

/// The values of a column of times.
fn times(archive: &Archive, column: &str) -> Vec<i64> {
    let values = |batch: &RecordBatch| {
        batch.column_by_name(column).unwrap().as_primitive::<TimestampMillisecondType>().values().to_vec()
    };
    batches(archive, Table::Flows).iter().flat_map(values).collect()
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

#[test]
fn every_syn_is_in_a_row_and_its_time_is_right() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let sensor = archived::sensor(&veth, BINARY, directory.path(), "--sensor-id ours").unwrap();
    let archive = Archive::new(directory.path().join("archive"));
    for _ in 0..5 {
        veth.send(&mirai(200, 1_000)).unwrap();
        thread::sleep(Duration::from_millis(150));
    }
    let snapshot = sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 5_000).unwrap();
    drop(snapshot);
    let before = now();
    veth.send(&mirai(1, 1)).unwrap();
    let after = now();
    let last = sensor.stop().unwrap();
    let checked = good(&archive);
    let records = last.records;
    assert_eq!(checked.packets, 5_001 - records.lost_packets);
    assert_eq!((checked.syns, checked.missing), (5_001, records.lost_packets));

    // The longest tick is 10 ms; the last row is the SYN that was sent last.
    let newest = *times(&archive, "last_seen").iter().max().unwrap();
    assert!((before - 20..=after + 20).contains(&newest), "{newest} is not in {before} to {after}");
    let starts = times(&archive, "interval_start");
    let ends = times(&archive, "interval_end");
    assert!(starts.iter().zip(&ends).all(|(start, end)| start <= end && end - start < 60_000));
    let sources: std::collections::BTreeSet<u32> = batches(&archive, Table::Flows)
        .iter()
        .flat_map(|batch| batch.column_by_name("src").unwrap().as_primitive::<UInt32Type>().values().to_vec())
        .collect();
    assert_eq!(sources.len(), 200);
}

#[test]
fn who_may_not_ask_for_jiffies_learns_them_from_records() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    // `ip netns exec` gives the command a mount namespace of its own, so this mount goes with it.
    let script = format!(
        "mount --bind /dev/null /proc/timer_list && exec {BINARY} run -i {SENSOR} --interval 200ms --archive {0}/archive --out {0}/out",
        directory.path().display()
    );
    let mut command = veth.sensor.command("sh");
    command.arg("-c").arg(script);
    let sensor = Sensor::spawn(command, directory.path().join("out")).unwrap();
    let archive = Archive::new(directory.path().join("archive"));
    let before = now();
    veth.send(&mirai(1, 1)).unwrap();
    let after = now();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 1).unwrap();
    sensor.stop().unwrap();
    let first = times(&archive, "first_seen")[0];
    // Half a second late at most.
    assert!((before - 20..=after + 500).contains(&first), "{first} is not in {before} to {after}");
}

/// 2019-11-05T23:59:50Z.
const START: u32 = 1_572_998_390;

/// Replays a capture over midnight of a date in 2019 into an archive.
fn replay(directory: &Path) -> Archive {
    replay_from(directory, &[START])
}

/// Replays a capture that has 20 seconds from each of these on, one behind the other.
fn replay_from(directory: &Path, starts: &[u32]) -> Archive {
    let capture = directory.join("scans.pcap");
    let mut writer = pcap::Writer::new(BufWriter::new(fs::File::create(&capture).unwrap())).unwrap();
    for start in starts {
        for (n, frame) in (0_u32..).zip(mirai(100, 2_000)) {
            writer.frame(start + n / 100, n % 100 * 10_000, &frame).unwrap();
        }
    }
    writer.finish().unwrap();
    let archive = directory.join("archive");
    let output = Command::new(BINARY)
        .args(["replay", "--quiet", "--sensor-id", "old", "--out"])
        .arg(directory.join("out"))
        .arg("--archive")
        .arg(&archive)
        .arg(&capture)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Archive::new(archive)
}

#[test]
fn a_replay_writes_the_times_of_its_capture_by_date() {
    let directory = tempfile::tempdir().unwrap();
    let archive = replay(directory.path());
    let checked = good(&archive);
    assert_eq!((checked.packets, checked.syns, checked.missing), (2_000, 2_000, 0));
    let dates: Vec<String> = archive.dates(Table::Flows).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(dates, ["2019-11-05", "2019-11-06"]);
    let start = i64::from(START) * 1_000;
    assert_eq!(times(&archive, "first_seen").into_iter().min(), Some(start));
    assert_eq!(times(&archive, "last_seen").into_iter().max(), Some(start + 19_990));

    for command in ["check", "compact", "check"] {
        let output = Command::new(BINARY).args(["archive", command, "--json"]).arg(archive.root()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(json["rows"].is_u64(), "{json}");
    }
    let output = Command::new(BINARY).args(["archive", "prune", "--age", "1d"]).arg(archive.root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(check(&archive).unwrap().files, 0);
}

#[test]
fn captures_of_other_years_have_their_own_times_in_any_order() {
    let directory = tempfile::tempdir().unwrap();
    let year = 366 * 86_400;
    let starts = [START, START - 4 * year, START - year, START + year];
    let archive = replay_from(directory.path(), &starts);
    assert_eq!(good(&archive).packets, 8_000);
    let starts = starts.map(|start| i64::from(start) * 1_000);
    let firsts = times(&archive, "first_seen");
    for start in starts {
        assert!(firsts.contains(&start), "{start}");
    }
    assert!(firsts.iter().all(|first| starts.iter().any(|start| (start..=&(start + 20_000)).contains(&first))));
}

/// A first payload at the time of the capture.
fn payload() -> PayloadRow {
    let label = |name: &'static str, rule: &'static str| Classification {
        name: name.into(),
        rule_id: rule.into(),
        confidence: 'B',
    };
    PayloadRow {
        interval_start: i64::from(START) * 1_000,
        time: i64::from(START) * 1_000,
        src: [198, 18, 0, 7].into(),
        src_port: 40_000,
        dst_port: 37_215,
        protocol: honeyxdp_archive::TCP,
        capture_mode: CaptureMode::Answered,
        exploit: Some(label("CVE-2017-17215", "CVE-2017-17215/1")),
        family: Attribution::ByPayload(label("mirai", "mirai-payload/1")),
        url_host: Some("192.0.2.1".to_owned()),
        url_path: Some("/mirai.mips".to_owned()),
        url_file: Some("mirai.mips".to_owned()),
        username: None,
        password: None,
        length: 12,
        payload: b"POST / HTTP/".to_vec(),
        country: None,
        asn: None,
    }
}

#[test]
fn the_examples_of_the_document_run_in_duckdb_and_pandas() {
    let directory = tempfile::tempdir().unwrap();
    let archive = replay(directory.path());
    let mut writer = Writer::open(&archive, "responder", 1).unwrap();
    writer.push_payload(payload()).unwrap();
    writer.flush().unwrap();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/use/archive.md");
    let text = fs::read_to_string(document).unwrap();
    let mut run = 0;
    for block in text.split("```python\n").skip(1) {
        let code = block.split("```").next().unwrap();
        let code = code.replace("/srv/honeyxdp/archive", archive.root().to_str().unwrap());
        let mut python = python::python(Path::new(env!("CARGO_TARGET_TMPDIR")), python::PANDAS);
        let output = python.arg("-c").arg(&code).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{code}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(printed.contains("mirai") && printed.contains("2000"), "{code}\n{printed}");
        assert_eq!(code.contains("payloads"), printed.contains("POST / HTTP/"), "{code}\n{printed}");
        run += 1;
    }
    assert!(run >= 2, "{run} examples");
}
