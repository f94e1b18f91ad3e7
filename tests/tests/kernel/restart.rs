//! What outlives the process: kill -9, upgrades, other rules. Every frame is counted once, whatever happens meanwhile.

use std::{
    env, fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use honeyxdp::snapshot::{Snapshot, store};
use lab::{
    bpffs::BpfFs,
    craft,
    network::{SENSOR, VethPair},
    sensor::Sensor,
};
use rustix::process::Signal;

use crate::BINARY;

/// Frames that are sent at once.
const BATCH: usize = 64;

fn mirai(source: u8) -> Vec<u8> {
    craft::mirai([198, 18, 0, source].into(), [198, 18, 0, 1].into(), 23)
}

fn pinned_sensor(veth: &VethPair, pins: &Path, out: &Path, args: &str) -> anyhow::Result<Sensor> {
    let mut command = veth.sensor.command(BINARY);
    command.args(["run", "-i", SENSOR, "--interval", "200ms", "--history-age", "24h", "--pin", "--pin-path"]);
    command.arg(pins).arg("--out").arg(out).args(args.split_whitespace());
    Sensor::spawn(command, out.to_owned())
}

/// Runs the command line in the sensor's namespace to its end: exit status, and all that it printed.
fn run(veth: &VethPair, words: &[&str]) -> (Option<i32>, String) {
    let output = veth.sensor.command(BINARY).args(words).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Sends SYNs of several sources all the time, while `work` is done. Returns how many.
fn under_traffic(veth: &VethPair, work: impl FnOnce()) -> u64 {
    let (sent, over) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let batch: Vec<Vec<u8>> = (0..BATCH).map(|at| mirai(100 + u8::try_from(at).unwrap())).collect();
            while !over.load(Ordering::Relaxed) {
                veth.send(&batch).unwrap();
                sent.fetch_add(BATCH as u64, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(2));
            }
        });
        work();
        over.store(true, Ordering::Relaxed);
    });
    sent.into_inner()
}

fn history(out: &Path) -> Vec<Snapshot> {
    store::history(out).unwrap()
}

/// Seconds that a test under traffic takes. The figures in docs/develop/benchmarks.md are of longer ones.
fn seconds(default: u64) -> Duration {
    Duration::from_secs(env::var("HONEYXDP_SECONDS").map_or(default, |text| text.parse().unwrap()))
}

#[test]
fn nothing_is_lost_when_the_sensor_is_killed_again_and_again() {
    let (veth, bpffs, out) = (VethPair::silent(1_500).unwrap(), BpfFs::mount().unwrap(), tempfile::tempdir().unwrap());
    let pins = bpffs.directory("honeyxdp");
    let mut sensor = pinned_sensor(&veth, &pins, out.path(), "").unwrap();
    let mut kills = 0;
    let sent = under_traffic(&veth, || {
        let start = Instant::now();
        while start.elapsed() < seconds(16) {
            thread::sleep(Duration::from_millis(1_500));
            sensor.signal(Signal::KILL).unwrap();
            sensor.wait().unwrap();
            kills += 1;
            thread::sleep(Duration::from_millis(500));
            sensor = pinned_sensor(&veth, &pins, out.path(), "").unwrap();
        }
    });
    let last = sensor.wait_for(|snapshot| snapshot.frames.seen >= sent).unwrap();
    sensor.signal(Signal::TERM).unwrap();
    assert!(sensor.wait().unwrap().success());
    println!("{kills} kills, {sent} frames sent, {} counted", last.frames.seen);
    assert_eq!((last.frames.seen, last.family("mirai").packets), (sent, sent), "{kills} kills");

    let snapshots = history(out.path());
    assert!(snapshots.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence), "the sequence has a gap");
    assert!(snapshots.iter().all(|snapshot| snapshot.started_at == snapshots[0].started_at));
    assert!(snapshots.windows(2).all(|pair| pair[0].interval.end == pair[1].interval.start), "the time has a gap");
    let sum: u64 = snapshots.iter().map(|snapshot| snapshot.interval.family("mirai").packets).sum();
    assert_eq!(sum, sent, "the intervals do not add up");
    let bytes: u64 = snapshots.iter().map(|snapshot| snapshot.interval.frames.bytes).sum();
    assert_eq!(bytes, last.frames.bytes);

    // Every SYN is in a record, or said to be missing in them.
    let records = &last.records;
    assert_eq!(records.packets + records.lost_packets, sent);
    let sources = last.family("mirai").unique_sources.clone();
    assert!(!sources.exact && sources.value <= BATCH as u64, "sets do not outlive the process");
    // Two of 64 sources share one of 65,536 registers in one run of thirty: the hash has another seed in every map_set.
    assert!(sources.estimate.abs_diff(BATCH as u64) <= 2, "registers do: {}", sources.estimate);
}

#[test]
fn a_stopped_sensor_with_pins_goes_on_counting_until_it_is_detached() {
    let (veth, bpffs, out) = (VethPair::silent(1_500).unwrap(), BpfFs::mount().unwrap(), tempfile::tempdir().unwrap());
    let pins = bpffs.directory("honeyxdp");
    let (pin_path, directory) = (pins.to_str().unwrap(), out.path().to_str().unwrap());
    let sensor = pinned_sensor(&veth, &pins, out.path(), "").unwrap();
    veth.send(&vec![mirai(100); 10]).unwrap();

    let (code, said) = run(&veth, &["status", "--pin-path", pin_path, "--out", directory]);
    assert!(code == Some(0) && said.contains("running, writes to") && said.contains("ours"), "{said}");
    let (code, said) = run(&veth, &["detach", "--all", "--pin-path", pin_path]);
    assert!(code == Some(1) && said.contains("another honeyxdp (process"), "{said}");
    let other = tempfile::tempdir().unwrap();
    let error = pinned_sensor(&veth, &pins, other.path(), "").map(drop).unwrap_err().to_string();
    assert!(error.contains("another honeyxdp (process"), "{error}");

    let mut stopped = sensor;
    stopped.signal(Signal::TERM).unwrap();
    assert!(stopped.wait().unwrap().success(), "{}", stopped.printed());
    assert!(stopped.printed().contains("goes on counting, until `honeyxdp detach`"), "{}", stopped.printed());
    veth.send(&vec![mirai(101); 20]).unwrap();
    let (_, said) = run(&veth, &["status", "--json", "--pin-path", pin_path, "--out", directory]);
    let status: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&status["sensor"]["running"], &status["pinned"]["in_use"]), (&false.into(), &false.into()));
    assert_eq!(status["programs"][0]["ours"], true);

    let sensor = pinned_sensor(&veth, &pins, out.path(), "").unwrap();
    let on = sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 30).unwrap();
    assert_eq!(on.family("mirai").unique_sources.estimate, 2);
    let mut stopped = sensor;
    stopped.signal(Signal::TERM).unwrap();
    stopped.wait().unwrap();

    let (code, said) = run(&veth, &["detach", "-i", "lo", "--pin-path", pin_path]);
    assert!(code == Some(1) && said.contains("honeyxdp status"), "{said}");
    let (code, said) = run(&veth, &["detach", "-i", SENSOR, "--pin-path", pin_path]);
    assert!(code == Some(0) && said.contains("its counts are kept"), "{said}");
    assert!(!veth.sensor.run(&format!("ip -d link show {SENSOR}")).unwrap().contains("prog/xdp"));
    // What comes now is counted by nobody; the counts until then are still there.
    veth.send(&vec![mirai(102); 5]).unwrap();
    let sensor = pinned_sensor(&veth, &pins, out.path(), "").unwrap();
    sensor.wait_for(|snapshot| snapshot.sequence > on.sequence + 2 && snapshot.frames.seen == 30).unwrap();
    drop(sensor);
    let (code, said) = run(&veth, &["detach", "--all", "--pin-path", pin_path]);
    assert!(code == Some(0) && said.contains("detached from 1 interface;") && !pins.exists(), "{said}");
    let (code, said) = run(&veth, &["detach", "--all", "--pin-path", pin_path]);
    assert!(code == Some(1) && said.contains("nothing is pinned"), "{said}");
    assert_eq!(run(&veth, &["detach"]).0, Some(2));
}

#[test]
fn what_cannot_go_on_is_refused_with_what_to_do() {
    let (veth, bpffs, out) = (VethPair::silent(1_500).unwrap(), BpfFs::mount().unwrap(), tempfile::tempdir().unwrap());
    let pins = bpffs.directory("honeyxdp");
    let nowhere = tempfile::tempdir().unwrap();
    let refused =
        |pins: &Path, args: &str| pinned_sensor(&veth, pins, out.path(), args).map(drop).unwrap_err().to_string();
    let error = refused(&nowhere.path().join("pins"), "");
    assert!(error.contains("is not in a BPF file system: mount one with"), "{error}");

    let mut sensor = pinned_sensor(&veth, &pins, out.path(), "--mode generic").unwrap();
    sensor.signal(Signal::KILL).unwrap();
    sensor.wait().unwrap();
    let error = refused(&pins, "--mode native");
    assert!(error.contains("attached in generic mode") && error.contains("detach -i in0"), "{error}");

    // A map of another size, as another version would have left it.
    let map = |kind: &str, value: &str| {
        let path = pins.join("POSITIONS");
        fs::remove_file(&path).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let words = ["map", "create", &path, "type", kind, "key", "4", "value", value, "entries", "3", "name", "x"];
        let output = Command::new("bpftool").args(words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    map("array", "8");
    let error = refused(&pins, "");
    assert!(error.contains("POSITIONS is not a map") && error.contains("honeyxdp detach --all"), "{error}");
    // Somebody was killed before he was done: what is there is cleared.
    fs::remove_file(pins.join("about")).unwrap();
    let sensor = pinned_sensor(&veth, &pins, out.path(), "").unwrap();
    veth.send(&vec![mirai(100); 3]).unwrap();
    sensor.wait_for(|snapshot| snapshot.frames.seen == 3).unwrap();
}

#[test]
fn another_out_directory_begins_its_first_interval_with_the_run() {
    let (veth, bpffs, out) = (VethPair::silent(1_500).unwrap(), BpfFs::mount().unwrap(), tempfile::tempdir().unwrap());
    let pins = bpffs.directory("honeyxdp");
    let mut sensor = pinned_sensor(&veth, &pins, out.path(), "").unwrap();
    veth.send(&vec![mirai(100); 10]).unwrap();
    let first = sensor.wait_for(|snapshot| snapshot.frames.seen == 10).unwrap();
    sensor.signal(Signal::KILL).unwrap();
    sensor.wait().unwrap();
    let other = tempfile::tempdir().unwrap();
    let sensor = pinned_sensor(&veth, &pins, other.path(), "").unwrap();
    sensor.wait_for(|snapshot| snapshot.sequence >= 1).unwrap();
    drop(sensor);
    let begun = &history(other.path())[0];
    assert_eq!((begun.sequence, begun.started_at, begun.interval.start), (1, first.started_at, first.started_at));
    assert_eq!((begun.frames.seen, begun.interval.frames.seen), (10, 10));
    assert!(store::read(out.path()).unwrap().sequence >= first.sequence);
}

/// Changes rules of a running sensor, and returns what `honeyxdp filter` printed.
fn filter(veth: &VethPair, out: &Path, words: &str) -> (Option<i32>, String) {
    let mut all = vec!["filter"];
    all.extend(words.split_whitespace());
    all.extend(["--out", out.to_str().unwrap()]);
    run(veth, &all)
}

#[test]
fn nothing_is_lost_when_filters_change_and_new_versions_come_under_traffic() {
    let (changes, replacements) = match env::var("HONEYXDP_CHANGES") {
        Ok(number) => (number.parse().unwrap(), 20),
        Err(_) => (10, 4),
    };
    let (veth, bpffs, out) = (VethPair::silent(1_500).unwrap(), BpfFs::mount().unwrap(), tempfile::tempdir().unwrap());
    let pins = bpffs.directory("honeyxdp");
    let mut sensor = pinned_sensor(&veth, &pins, out.path(), "").unwrap();
    let mut programs = Vec::new();
    let sent = under_traffic(&veth, || {
        for change in 0..changes {
            let words = match change % 5 {
                0 => "add --ignore-src 198.18.0.128/26",
                1 => "set --port 1-1000 --sample-records 2",
                2 => "remove --ignore-src 198.18.0.128/26",
                3 => "clear",
                _ => "set --sample-records 1",
            };
            let (code, said) = filter(&veth, out.path(), words);
            assert_eq!(code, Some(0), "{said}");
        }
        for _ in 0..replacements {
            sensor.signal(Signal::TERM).unwrap();
            assert!(sensor.wait().unwrap().success());
            sensor = pinned_sensor(&veth, &pins, out.path(), "").unwrap();
            programs.push(sensor.wait_for(|_| true).unwrap().interfaces[0].program_id);
        }
    });
    let last = sensor.wait_for(|snapshot| snapshot.frames.seen >= sent).unwrap();
    let (syns, filtered) = (last.frames.dispositions["syn"], last.frames.dispositions["filtered"]);
    println!("{changes} changes, {replacements} replacements: {sent} sent, {syns} counted, {filtered} filtered");
    assert_eq!(last.frames.seen, sent);
    assert_eq!(syns + filtered, sent);
    assert!(filtered > 0 && last.frames.filtered["source"] == filtered, "the filters took out what they should");
    assert_eq!(last.family("mirai").packets, syns);
    let records = last.records;
    assert_eq!(records.packets + records.lost_packets + records.sampled_out_packets, syns);
    let sum: u64 = history(out.path()).iter().map(|snapshot| snapshot.interval.frames.seen).sum();
    assert_eq!(sum, sent, "the intervals do not add up");
}

#[test]
fn filters_are_shown_changed_and_refused_in_words() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} --interval 200ms --port 23")).unwrap();
    let filter = |words: &str| filter(&veth, sensor.directory(), words);
    assert_eq!(filter("show"), (Some(0), "port         23\n".to_owned()));
    veth.send(&vec![mirai(100); 10]).unwrap();
    sensor.wait_for(|snapshot| snapshot.frames.seen == 10).unwrap();

    let list = tempfile::NamedTempFile::new().unwrap();
    let prefixes: String = (0..5_000).map(|at| format!("10.{}.{}.0/25\n", at / 256, at % 256)).collect();
    fs::write(list.path(), format!("198.18.0.100 # the scanner\n{prefixes}")).unwrap();
    let (code, said) = filter(&format!("add --ignore-src @{} --port 80", list.path().display()));
    assert!(code == Some(0) && said.contains("port         23,80") && said.contains("and 4991 more"), "{said}");
    veth.send(&vec![mirai(100); 5]).unwrap();
    let now = sensor.wait_for(|snapshot| snapshot.frames.seen == 15).unwrap();
    assert_eq!((now.frames.dispositions["syn"], now.frames.filtered["source"]), (10, 5));
    assert_eq!(now.filters["ignore_src"]["prefixes"], 5_001);

    for (words, code, said) in [
        ("remove --port 23,80", 1, "leaves no port to count"),
        ("remove --ignore-src 192.0.2.0/24", 1, "is not in force"),
        ("add --family mira", 2, "there is no family \"mira\""),
        ("add --ignore-src @/nonexistent", 1, "cannot read"),
        ("add", 1, "name at least one filter"),
        ("clear colour", 2, "colour"),
    ] {
        let (found, printed) = filter(words);
        assert!(found == Some(code) && printed.contains(said), "{words}: {printed}");
    }
    let (_, json) = filter("clear --ignore-src --json");
    let rules: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&rules["filters"]["port"], &rules["filters"]["ignore-src"]),
        (&["23,80"].into(), &Vec::<u8>::new().into())
    );
    assert_eq!(filter("set --verdict drop").1, "port         23,80\nverdict      drop\n");
    assert!(sensor.printed().contains("other filters are in force, by request"), "{}", sensor.printed());

    // Not over TCP, where everybody of this machine can ask.
    let curl = veth.sensor.run("curl -s -o /dev/null -w %{http_code} http://127.0.0.1:7823/rules").unwrap();
    assert_eq!(curl, "404");
    let socket = sensor.directory().join("honeyxdp.sock");
    let curl = format!(
        "curl -s --unix-socket {} -d @/etc/hostname -H Content-Type:application/json http://x/rules",
        socket.display()
    );
    assert!(veth.sensor.run(&curl).unwrap().contains("Failed to parse"));
}

#[test]
fn an_interface_that_comes_back_is_pinned_again_by_a_sensor_with_few_rights() {
    let (veth, bpffs, out) = (VethPair::silent(1_500).unwrap(), BpfFs::mount().unwrap(), tempfile::tempdir().unwrap());
    let pins = bpffs.directory("honeyxdp");
    let mut sensor = pinned_sensor(&veth, &pins, out.path(), "").unwrap();
    veth.send(&vec![mirai(100); 10]).unwrap();
    sensor.wait_for(|snapshot| snapshot.frames.seen == 10).unwrap();
    veth.sensor.ip(&format!("link del {SENSOR}")).unwrap();
    sensor.wait_for_line("in0 is gone").unwrap();
    veth.again().unwrap();
    sensor.wait_for_line("in0 is watched again").unwrap();
    sensor.signal(Signal::KILL).unwrap();
    sensor.wait().unwrap();
    // Counted by nobody's process: the new link is pinned too.
    veth.send(&vec![mirai(100); 5]).unwrap();
    let sensor = pinned_sensor(&veth, &pins, out.path(), "").unwrap();
    sensor.wait_for(|snapshot| snapshot.frames.seen == 15).unwrap();
}
