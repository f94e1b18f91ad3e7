//! A sensor's life: attach, count, write, detach; and what goes wrong.

use std::{
    fs,
    os::unix::fs::symlink,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use honeyxdp::{
    Pipeline,
    filter::Filters,
    kernel::needed_capabilities,
    sandbox::Capability,
    snapshot::{Snapshot, json_schema, store},
    sources::Settings,
};
use honeyxdp_common::{Disposition, Family, dissect};
use lab::{
    craft, named,
    network::{Namespace, SENSOR, VethPair},
    rights,
    sensor::{Sensor, patience},
};
use rustix::process::{Pid, Signal, kill_process};

use crate::BINARY;

fn start(veth: &VethPair, args: &str) -> Sensor {
    Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} --interval 200ms {args}")).unwrap()
}

/// Runs the command line in a namespace to its end: exit status, and all that it printed.
fn run(namespace: &Namespace, args: &str) -> (Option<i32>, String) {
    let output = namespace.command(BINARY).args(args.split_whitespace()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Whether an XDP program is on the sensor's interface.
fn attached(veth: &VethPair) -> bool {
    veth.sensor.run(&format!("ip -d link show {SENSOR}")).unwrap().contains("prog/xdp")
}

/// All named frames that fit the veth, several times, on a veth on which nothing else is sent.
fn named_frames_over_a_cable(mode: &str) {
    let veth = VethPair::silent(9_200).unwrap();
    let sensor = start(&veth, &format!("--mode {mode}"));
    let frames: Vec<Vec<u8>> = named::frames().into_iter().map(|named| named.bytes).collect();
    let mut expected = Pipeline::new(Filters::default(), &Settings::default());
    for _ in 0..50 {
        veth.send(&frames).unwrap();
        frames.iter().for_each(|frame| expected.frame(dissect(frame.as_slice()), frame.len() as u64, 0));
    }
    let expected = expected.counts();
    sensor.wait_for(|snapshot| snapshot.frames.seen >= expected.seen()).unwrap();
    let snapshot = sensor.stop().unwrap();
    assert_eq!(snapshot.frames.seen, expected.seen(), "frames sent and frames seen");
    assert_eq!(snapshot.frames.bytes, expected.bytes());
    for disposition in Disposition::ALL {
        let name = disposition.name();
        assert_eq!(snapshot.frames.dispositions[name], expected.disposition(disposition), "{name}");
    }
    for family in Family::ALL {
        let report = snapshot.family(family.name());
        assert_eq!(report.packets, expected.family(*family), "{}", family.name());
        assert_eq!(report.packets_v6, expected.family_v6(*family), "{} over IPv6", family.name());
        assert_eq!(report.matched, expected.family(*family) + expected.secondary(*family), "{}", family.name());
    }
    assert!(!attached(&veth), "the program is still attached");
}

#[test]
fn every_frame_on_a_cable_is_counted_once_native() {
    named_frames_over_a_cable("native");
}

#[test]
fn every_frame_on_a_cable_is_counted_once_generic() {
    named_frames_over_a_cable("generic");
}

fn mirai(frames: usize) -> Vec<Vec<u8>> {
    vec![craft::mirai([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), 23); frames]
}

#[test]
fn intervals_add_up_to_the_total_and_the_history_keeps_them() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = start(&veth, "--history-age 24h");
    for _ in 0..20 {
        veth.send(&mirai(100)).unwrap();
        thread::sleep(Duration::from_millis(70));
    }
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 2_000).unwrap();
    sensor.signal(Signal::TERM).unwrap();
    let mut sensor = sensor;
    assert!(sensor.wait().unwrap().success());

    let snapshots = store::history(sensor.directory()).unwrap();
    assert!(snapshots.len() > 5, "{} snapshots", snapshots.len());
    assert!(snapshots.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence), "the sequence has a gap");
    assert!(snapshots.windows(2).all(|pair| pair[0].interval.end == pair[1].interval.start), "the time has a gap");
    let sum: u64 = snapshots.iter().map(|snapshot| snapshot.interval.family("mirai").packets).sum();
    assert_eq!(sum, 2_000, "the intervals do not add up");
    let bytes: u64 = snapshots.iter().map(|snapshot| snapshot.interval.frames.bytes).sum();
    assert_eq!(bytes, snapshots.last().unwrap().frames.bytes);
}

#[test]
fn the_end_of_a_login_ends_it_like_ctrl_c_but_not_under_nohup() {
    let veth = VethPair::silent(1_500).unwrap();
    let mut sensor = Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} --interval 1h")).unwrap();
    veth.send(&mirai(8)).unwrap();
    sensor.signal(Signal::HUP).unwrap();
    assert!(sensor.wait().unwrap().success(), "{}", sensor.printed());
    let last = store::read(sensor.directory()).unwrap();
    assert_eq!(last.family("mirai").packets, 8);

    let directory = tempfile::tempdir().unwrap();
    let mut command = veth.sensor.command("nohup");
    command.arg(BINARY).args(["run", "-i", SENSOR, "--interval", "200ms", "--out"]).arg(directory.path());
    let sensor = Sensor::spawn(command, directory.path().to_owned()).unwrap();
    sensor.signal(Signal::HUP).unwrap();
    let first = sensor.wait_for(|snapshot| snapshot.sequence > 0).unwrap();
    sensor.wait_for(|snapshot| snapshot.sequence > first.sequence + 2).unwrap();
    sensor.signal(Signal::INT).unwrap();
}

#[test]
fn a_last_snapshot_that_cannot_be_stored_is_printed() {
    let veth = VethPair::silent(1_500).unwrap();
    let mut sensor = Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} --interval 1h")).unwrap();
    veth.send(&mirai(8)).unwrap();
    let directory = sensor.directory().to_owned();
    fs::remove_dir_all(&directory).unwrap();
    fs::write(&directory, "in the way").unwrap();
    sensor.signal(Signal::INT).unwrap();
    assert_eq!(sensor.wait().unwrap().code(), Some(1));
    let printed = sensor.printed();
    fs::remove_file(&directory).unwrap();
    assert!(printed.contains("cannot be stored; in all: 8 frames, 432 bytes: syn 8"), "{printed}");
}

#[test]
fn a_reader_never_sees_half_a_snapshot() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = Sensor::start(
        BINARY,
        &veth.sensor,
        &format!("-i {SENSOR} --interval 100ms --history-age 300ms --history-minutes 0"),
    )
    .unwrap();
    veth.send(&mirai(10)).unwrap();
    sensor.wait_for(|snapshot| snapshot.sequence > 0).unwrap();
    let path = sensor.directory().join("snapshot.json");
    let mut last = 0;
    for _ in 0..2_000 {
        let snapshot: Snapshot = serde_json::from_slice(&fs::read(&path).unwrap()).expect("a whole snapshot");
        assert!(snapshot.sequence >= last, "the sequence went back");
        last = snapshot.sequence;
    }
    sensor.stop().unwrap();
}

#[test]
fn a_snapshot_follows_the_schema_and_names_no_address() {
    let veth = VethPair::new().unwrap();
    let sensor = start(&veth, "--sensor-id test-1");
    veth.send(&mirai(3)).unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 3).unwrap();
    let text = fs::read_to_string(sensor.directory().join("snapshot.json")).unwrap();
    let snapshot = sensor.stop().unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(!text.contains("198.18.") && !text.contains("2001:db8"), "an address is in the snapshot");
    assert_eq!(snapshot.sensor.id, "test-1");
    assert_eq!(snapshot.family("mirai").rule, "mirai/1");
    assert_eq!(snapshot.interfaces[0].name, SENSOR);
    assert_eq!(snapshot.interfaces[0].program_tag.len(), 16);

    // The schema can say no, too.
    let mut wrong = value;
    wrong["frames"]["seen"] = "many".into();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn several_interfaces_are_counted_together() {
    let (one, two) = (VethPair::silent(1_500).unwrap(), VethPair::silent(1_500).unwrap());
    // The second veth's end moves in with the first one's.
    two.sensor.ip(&format!("link set {SENSOR} netns {} name in1", one.sensor.name())).unwrap();
    one.sensor.run("sysctl -q -w net.ipv6.conf.in1.disable_ipv6=1").unwrap();
    one.sensor.ip("link set in1 arp off up").unwrap();
    let sensor = start(&one, "-i in1 --mode native");
    one.send(&mirai(70)).unwrap();
    two.send(&mirai(30)).unwrap();
    sensor.wait_for(|snapshot| snapshot.frames.seen >= 100).unwrap();
    let snapshot = sensor.stop().unwrap();
    assert_eq!(snapshot.family("mirai").packets, 100);
    assert_eq!(snapshot.frames.seen, 100);
    let names: Vec<&str> = snapshot.interfaces.iter().map(|interface| interface.name.as_str()).collect();
    assert_eq!(names, [SENSOR, "in1"]);
}

#[test]
fn a_driver_without_native_xdp_gets_generic_with_a_warning() {
    let veth = VethPair::new().unwrap();
    let sensor = Sensor::start(BINARY, &veth.sensor, "-i lo --interval 200ms").unwrap();
    assert!(sensor.printed().contains("warning: lo refuses native XDP"), "{}", sensor.printed());
    assert!(sensor.printed().contains("attached to lo (generic)"), "{}", sensor.printed());
    let snapshot = sensor.stop().unwrap();
    assert_eq!(serde_json::to_value(snapshot.interfaces[0].mode).unwrap(), "generic");

    let (code, said) = run(&veth.sensor, "run -i lo --mode native --out /nonexistent/../tmp");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("lo refuses native XDP") && said.contains("--mode generic"), "{said}");
}

#[test]
fn the_interface_of_the_default_route_is_taken_when_none_is_named() {
    let veth = VethPair::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (code, said) = run(&veth.sensor, &format!("run --out {}", directory.path().display()));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no interface has a default route; name one with -i: lo, in0"), "{said}");

    veth.sensor.ip(&format!("route add default via 198.18.0.100 dev {SENSOR}")).unwrap();
    let sensor = Sensor::start(BINARY, &veth.sensor, "--interval 200ms").unwrap();
    assert!(sensor.printed().contains("attached to in0 (native)"), "{}", sensor.printed());
    sensor.stop().unwrap();

    veth.sensor.ip("route del default").unwrap();
    veth.sensor.ip(&format!("-6 route add default via 2001:db8::100 dev {SENSOR}")).unwrap();
    let sensor = Sensor::start(BINARY, &veth.sensor, "--interval 200ms").unwrap();
    assert!(sensor.printed().contains("attached to in0 (native)"), "{}", sensor.printed());
    sensor.stop().unwrap();
}

#[test]
fn an_unknown_interface_is_answered_with_those_there_are() {
    let veth = VethPair::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (code, said) = run(&veth.sensor, &format!("run -i eth7 --out {}", directory.path().display()));
    assert_eq!(code, Some(1));
    assert!(said.contains("there is no interface \"eth7\"; available: lo, in0"), "{said}");
}

#[test]
fn a_second_program_on_an_interface_is_refused_with_the_name_of_the_first() {
    let veth = VethPair::new().unwrap();
    let first = start(&veth, "");
    for mode in ["auto", "native", "generic"] {
        let directory = tempfile::tempdir().unwrap();
        let (code, said) =
            run(&veth.sensor, &format!("run -i {SENSOR} --mode {mode} --out {}", directory.path().display()));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("in0 already has an XDP program: id ") && said.contains("(honeyxdp)"), "{said}");
    }
    first.stop().unwrap();
}

#[test]
fn two_sensors_in_one_directory_are_refused() {
    let veth = VethPair::new().unwrap();
    let first = start(&veth, "");
    let (code, said) = run(&veth.sensor, &format!("run -i lo --out {}", first.directory().display()));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another honeyxdp writes to"), "{said}");
    first.stop().unwrap();
}

/// A command that has no capabilities but these.
fn with_capabilities(veth: &VethPair, keep: &[Capability], args: &str) -> Command {
    let mut command = veth.sensor.command("setpriv");
    command.args(rights::only(keep)).arg(BINARY);
    command.args(args.split_whitespace());
    command
}

#[test]
fn few_capabilities_are_enough_and_a_missing_one_is_named() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let args = format!("run -i {SENSOR} --interval 200ms --out {}", directory.path().display());
    let needed = needed_capabilities();
    let one_missing = rights::each_left_out(needed).map(|(one, rest)| (rest, format!("{one} is missing")));
    for (keep, missing) in one_missing.chain([(Vec::new(), " are missing".to_owned())]) {
        let output = with_capabilities(&veth, &keep, &args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&missing), "with {keep:?}: {said}");
    }
    let filters = " --port 1-60000 --dst 198.18.0.0/15,2001:db8::/32 --ignore-src 203.0.113.0/24,192.0.2.1,2001:db8:1::/48 \
                   --ignore-family zmap --public-addr 198.18.0.9=203.0.113.9";
    let responder = " --observe 22 --respond 23,80 --respond-to 198.18.1.0/24,2001:db8:2::/64";
    for extra in ["", " --trace-matches", filters, responder, " --sample-records 1 --verdict drop"] {
        let command = with_capabilities(&veth, needed, &format!("{args}{extra}"));
        let sensor = Sensor::spawn(command, directory.path().to_owned()).unwrap();
        veth.send(&mirai(5)).unwrap();
        sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 5).unwrap();
        sensor.stop().unwrap();
    }
}

#[test]
fn marked_syns_are_traced_at_a_limited_rate() {
    let veth = VethPair::silent(1_500).unwrap();
    let mut sensor = start(&veth, "--trace-matches 3");
    veth.send(&mirai(500)).unwrap();
    veth.send(&vec![craft::v4(&craft::Ipv4::default(), &craft::Tcp::default()); 10]).unwrap();
    sensor.wait_for_line("mark mirai src=198.18.0.100 dst=198.18.0.1 sport=40000 dport=23").unwrap();
    sensor.wait_for(|snapshot| snapshot.frames.seen == 510).unwrap();
    thread::sleep(Duration::from_millis(500));
    let lines = sensor.printed().lines().filter(|line| line.contains(" mark ")).count();
    // Three a second on each CPU, over the moment that sending takes.
    let cpus = thread::available_parallelism().unwrap().get();
    assert!((1..=3 * cpus * 3).contains(&lines), "{lines} lines for 500 marked SYNs");
    assert!(!sensor.printed().contains("mark other"));
    sensor.stop().unwrap();
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_sensor() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let script =
        format!("exec {BINARY} run -i {SENSOR} --interval 200ms --out {} > >(head -n 3)", directory.path().display());
    let mut command = veth.sensor.command("bash");
    command.arg("-c").arg(script);
    let mut sensor = Sensor::spawn(command, directory.path().to_owned()).unwrap();
    let early = sensor.wait_for(|snapshot| snapshot.sequence > 0).unwrap();
    veth.send(&mirai(9)).unwrap();
    let later = sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 9).unwrap();
    sensor.wait_for(|snapshot| snapshot.sequence > later.sequence + 5).unwrap();
    assert!(later.sequence > early.sequence);
    assert!(sensor.printed().lines().count() <= 3, "{}", sensor.printed());
    sensor.signal(Signal::INT).unwrap();
    assert!(sensor.wait().unwrap().success(), "{}", sensor.printed());
}

#[test]
fn quiet_says_nothing_unless_something_is_wrong() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut command = veth.sensor.command(BINARY);
    command.args(["run", "-q", "-i", SENSOR, "--interval", "200ms", "--out"]).arg(directory.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait(|| store::read(directory.path()).is_ok());
    veth.sensor.ip(&format!("link del {SENSOR}")).unwrap();
    wait(|| store::read(directory.path()).is_ok_and(|snapshot| snapshot.interfaces.is_empty()));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("in0 is gone") && said.lines().count() == 1, "{said}");
}

#[test]
fn kill_9_detaches_and_leaves_a_whole_snapshot() {
    let veth = VethPair::silent(1_500).unwrap();
    let mut sensor = start(&veth, "");
    veth.send(&mirai(50)).unwrap();
    let before = sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 50).unwrap();
    assert!(attached(&veth));
    sensor.signal(Signal::KILL).unwrap();
    sensor.wait().unwrap();
    thread::sleep(Duration::from_millis(200));
    assert!(!attached(&veth), "the program outlived its process");
    let after = store::read(sensor.directory()).unwrap();
    assert_eq!(after.families, before.families);

    // A new sensor in the same directory starts at zero and goes on with the sequence.
    let command = {
        let mut command = veth.sensor.command(BINARY);
        command.args(["run", "-i", SENSOR, "--interval", "200ms", "--out"]).arg(sensor.directory());
        command
    };
    let next = Sensor::spawn(command, sensor.directory().to_owned()).unwrap();
    let snapshot = next.wait_for(|snapshot| snapshot.started_at > after.started_at).unwrap();
    assert!(snapshot.sequence > after.sequence);
    assert_eq!(snapshot.family("mirai").packets, 0);
    next.stop().unwrap();
}

#[test]
fn an_interface_that_vanishes_is_reported_and_watched_when_it_is_back() {
    let veth = VethPair::silent(1_500).unwrap();
    let mut sensor = start(&veth, "");
    veth.send(&mirai(50)).unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 50).unwrap();
    veth.sensor.ip(&format!("link del {SENSOR}")).unwrap();
    sensor.wait_for_line("in0 is gone: its frames are not counted until it is back").unwrap();
    let without = sensor.wait_for(|snapshot| snapshot.interfaces.is_empty()).unwrap();
    assert_eq!(without.family("mirai").packets, 50);

    veth.again().unwrap();
    sensor.wait_for_line("in0 is watched again").unwrap();
    veth.send(&mirai(7)).unwrap();
    let back = sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 57).unwrap();
    assert_eq!(back.interfaces[0].name, SENSOR);
    assert_eq!(back.started_at, without.started_at);
    assert_eq!(sensor.stop().unwrap().family("mirai").packets, 57);
}

#[test]
fn a_full_disk_is_said_and_costs_no_count() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    // `ip netns exec` gives the command a mount namespace of its own, so this mount goes with it.
    let script = format!(
        "mount -t tmpfs -o size=256k tmpfs {0} && exec {BINARY} run -i {SENSOR} --interval 200ms --history-age 400ms --history-minutes 0 --out {0}",
        directory.path().display()
    );
    let mut command = veth.sensor.command("sh");
    command.arg("-c").arg(script);
    let mut sensor = Sensor::spawn(command, directory.path().to_owned()).unwrap();
    let inside = tempfile::tempdir().unwrap();
    let view = inside.path().join("view");
    symlink(format!("/proc/{}/root{}", sensor.pid(), directory.path().display()), &view).unwrap();
    let newest = || store::read(&view);

    veth.send(&mirai(10)).unwrap();
    wait(|| newest().is_ok_and(|snapshot| snapshot.family("mirai").packets == 10));
    let _ = fs::write(view.join("filler"), vec![0; 512 * 1024]);
    sensor.wait_for_line("trying again at the next interval").unwrap();
    let stuck = newest().expect("the last snapshot is whole");
    veth.send(&mirai(7)).unwrap();
    thread::sleep(Duration::from_millis(600));
    assert_eq!(newest().unwrap(), stuck, "nothing can be written to a full disk");
    fs::remove_file(view.join("filler")).unwrap();
    wait(|| newest().is_ok_and(|snapshot| snapshot.sequence > stuck.sequence + 1));

    // The first snapshot after it covers the whole time that could not be written.
    let history = fs::read_dir(view.join("history")).unwrap().count();
    assert!(history <= 3, "{history} files in the history");
    let snapshot = newest().unwrap();
    assert_eq!(snapshot.family("mirai").packets, 17);
    sensor.signal(Signal::INT).unwrap();
    assert!(sensor.wait().unwrap().success());
}

fn wait(property: impl Fn() -> bool) {
    let start = Instant::now();
    while !property() {
        assert!(start.elapsed() < patience(), "not within {:?}", patience());
        thread::sleep(Duration::from_millis(20));
    }
}
