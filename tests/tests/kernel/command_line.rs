//! The command line without a sensor: usage, errors, replay. Needs no rights.

use std::{
    fs,
    io::Write as _,
    net::Ipv4Addr,
    path::Path,
    process::{Command, Output},
};

use honeyxdp::snapshot::{Snapshot, json_schema, store};
use lab::{craft, pcap::Writer};

use crate::BINARY;

fn honeyxdp(args: &[&str]) -> Output {
    Command::new(BINARY).args(args).output().unwrap()
}

/// Exit status, standard output, standard error.
fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = honeyxdp(args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A classic pcap of Ethernet frames, one a second from the start of 2019 on.
fn pcap(path: &Path, frames: &[Vec<u8>]) {
    let mut file = Writer::new(fs::File::create(path).unwrap()).unwrap();
    for (frame, time) in frames.iter().zip(1_546_300_800_u32..) {
        file.frame(time, 0, frame).unwrap();
    }
    file.finish().unwrap();
}

fn scans() -> Vec<Vec<u8>> {
    let (src, dst) = (Ipv4Addr::new(198, 18, 0, 100), Ipv4Addr::new(198, 18, 0, 1));
    let mut frames = vec![craft::mirai(src, dst, 23); 5];
    frames.extend(vec![craft::hajime(src, dst, 5_358); 3]);
    frames.extend(vec![craft::masscan(src, dst, 443); 2]);
    frames
}

#[test]
fn help_teaches_and_wrong_usage_exits_with_2() {
    let (code, out, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    for word in ["run", "replay", "snapshot", "HONEYXDP_INTERVAL", "Exit status"] {
        assert!(out.contains(word), "{word} is not in the help");
    }
    for (args, word) in [
        (&["run", "--interval", "0s"][..], "100ms to 24h"),
        (&["run", "--interval", "soon"], "10s, 5m or 1h30m"),
        (&["run", "--mode", "fast"], "auto, native or generic"),
        (&["run", "--sensor-id", ""], "sensor-id"),
        (&["fly"], "unrecognized subcommand"),
        (&["replay", "--out", "x"], "<FILE>..."),
        (&["replay", "x"], "--out <DIR>"),
    ] {
        let (code, _, err) = run(args);
        assert_eq!(code, Some(2), "{args:?}: {err}");
        assert!(err.contains(word), "{args:?}: {err}");
    }
    assert_eq!(honeyxdp(&[]).status.code(), Some(2));
}

#[test]
fn every_option_comes_from_the_environment_too() {
    let (_, help, _) = run(&["run", "--help"]);
    for option in
        ["INTERFACE", "MODE", "INTERVAL", "OUT", "HISTORY_AGE", "SENSOR_ID", "TRACE_MATCHES", "QUIET", "LISTEN"]
    {
        assert!(help.contains(&format!("[env: HONEYXDP_{option}=")), "HONEYXDP_{option} is not in the help of run");
    }
    let with =
        |name: &str, value: &str| Command::new(BINARY).args(["run", "-i", "none0"]).env(name, value).output().unwrap();
    assert_eq!(with("HONEYXDP_INTERVAL", "0s").status.code(), Some(2));
    // Empty is unset, and a switch takes what people write: all of these fail later, at the directory or the interface.
    for (name, value) in
        [("HONEYXDP_INTERVAL", ""), ("HONEYXDP_QUIET", "1"), ("HONEYXDP_QUIET", "no"), ("HONEYXDP_SENSOR_ID", "")]
    {
        assert_eq!(with(name, value).status.code(), Some(1), "{name}={value}");
    }

    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(BINARY).arg("snapshot").env("HONEYXDP_OUT", directory.path()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains(&directory.path().display().to_string()), "{err}");
}

#[test]
fn a_missing_snapshot_is_an_error_that_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let (code, out, err) = run(&["snapshot", "--out", directory.path().to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.starts_with("honeyxdp: there is no snapshot in ") && err.contains("honeyxdp run --out"), "{err}");
    assert_eq!(err.lines().count(), 1, "one sentence: {err}");
}

#[test]
fn a_replay_counts_and_its_snapshot_is_shown_in_every_form() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("scans.pcap");
    let out = directory.path().join("out");
    let out = out.to_str().unwrap();
    pcap(&file, &scans());

    let (code, shown, err) = run(&["replay", file.to_str().unwrap(), "--out", out]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(shown.contains("mirai") && shown.contains("23 (5)"), "{shown}");

    let snapshot = store::read(Path::new(out)).unwrap();
    let packets = |family: &str| snapshot.family(family).packets;
    assert_eq!((packets("mirai"), packets("hajime"), packets("masscan"), packets("other")), (5, 3, 2, 0));
    assert_eq!(snapshot.started_at.to_string(), "2019-01-01T00:00:00Z");
    assert_eq!(snapshot.interval.end.to_string(), "2019-01-01T00:00:09Z");
    assert_eq!(snapshot.interval.families, snapshot.families);
    assert_eq!(snapshot.interfaces, []);

    let (_, json, _) = run(&["snapshot", "--json", "--out", out]);
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
    let (_, json, _) = run(&["replay", "--json", file.to_str().unwrap(), "--out", out]);
    let again: Snapshot = serde_json::from_str(&json).unwrap();
    assert_eq!((again.sequence, &again.families), (snapshot.sequence + 1, &snapshot.families));

    let (_, schema, _) = run(&["snapshot", "--schema"]);
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema, json_schema());
    assert!(jsonschema::is_valid(&schema, &serde_json::to_value(&snapshot).unwrap()));
}

#[test]
fn several_files_are_counted_together_and_gzip_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let (plain, out) = (directory.path().join("a.pcap"), directory.path().join("out"));
    pcap(&plain, &scans());
    let packed = directory.path().join("b.pcap.gz");
    let gzip = Command::new("gzip").arg("-c").arg(&plain).output().unwrap();
    fs::write(&packed, gzip.stdout).unwrap();
    let output = Command::new(BINARY).args(["replay", "-q"]).args([&plain, &packed]).arg("--out").arg(&out).output();
    assert!(output.unwrap().status.success());
    assert_eq!(store::read(&out).unwrap().family("mirai").packets, 10);
}

#[test]
fn a_damaged_file_is_counted_up_to_the_damage_and_the_others_whole() {
    let directory = tempfile::tempdir().unwrap();
    let (whole, cut, out) =
        (directory.path().join("a.pcap"), directory.path().join("b.pcap"), directory.path().join("out"));
    pcap(&whole, &scans());
    // The sixth packet is cut: a header of 24 bytes, and five packets of 16 + 54 bytes before it.
    fs::write(&cut, &fs::read(&whole).unwrap()[..24 + 5 * 70 + 30]).unwrap();
    let not_one = directory.path().join("c.pcap");
    fs::File::create(&not_one).unwrap().write_all(b"#!/bin/sh\nexit 0\n").unwrap();
    let missing = directory.path().join("d.pcap");

    let output = Command::new(BINARY)
        .args(["replay", "--quiet", "--out"])
        .arg(&out)
        .args([&cut, &not_one, &missing, &whole])
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("b.pcap: damaged at byte 374 after 5 packets"), "{err}");
    assert!(err.contains("c.pcap: ") && err.contains("d.pcap: cannot open it"), "{err}");
    assert!(err.contains("3 files could not be read, or not to their end"), "{err}");
    let snapshot = store::read(&out).unwrap();
    assert_eq!((snapshot.family("mirai").packets, snapshot.family("masscan").packets), (10, 2));
    assert_eq!(snapshot.frames.seen, 15);
}

#[test]
fn a_replay_of_nothing_leaves_the_snapshot_before_it_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (file, out) = (directory.path().join("scans.pcap"), directory.path().join("out"));
    pcap(&file, &scans());
    let (file, out) = (file.to_str().unwrap(), out.to_str().unwrap());
    assert_eq!(run(&["replay", "-q", file, "--out", out]).0, Some(0));
    let before = store::read(Path::new(out)).unwrap();
    let text = directory.path().join("notes.txt");
    fs::write(&text, "no capture").unwrap();
    for wrong in [directory.path().join("typo.pcap"), directory.path().to_owned(), text] {
        let (code, _, err) = run(&["replay", "-q", wrong.to_str().unwrap(), "--out", out]);
        assert_eq!(code, Some(1));
        assert!(err.contains("nothing could be read, so no snapshot was written"), "{err}");
        assert_eq!(store::read(Path::new(out)).unwrap(), before);
    }
}

#[test]
fn a_capture_is_read_from_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("scans.pcap");
    pcap(&file, &scans());
    let output = Command::new(BINARY)
        .args(["replay", "-q", "-", "--out"])
        .arg(directory.path())
        .stdin(fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(store::read(directory.path()).unwrap().family("mirai").packets, 5);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let (code, _, err) = run(&["replay", "x.pcap", "--out", "/proc/honeyxdp"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("/proc/honeyxdp") && err.contains("--out"), "{err}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("scans.pcap");
    pcap(&file, &scans());
    let script = format!(
        "{BINARY} replay --json {} --out {} | true; exit ${{PIPESTATUS[0]}}",
        file.display(),
        directory.path().display()
    );
    let output = Command::new("bash").arg("-c").arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
