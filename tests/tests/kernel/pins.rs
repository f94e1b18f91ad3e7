//! Pins that somebody has spoiled: refused with what to do, and `honeyxdp detach --all` always clears them.

use std::{fs, path::Path, process::Command};

use lab::restarts::RestartScenario;
use rustix::process::Signal;

use crate::BINARY;

fn bpftool(words: &[&str]) {
    let output = Command::new("bpftool").args(words).output().expect("bpftool is needed");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Puts another map under a name.
fn map(pins: &Path, name: &str, kind: &str, value: &str, entries: &str) {
    let path = pins.join(name);
    let _ = fs::remove_file(&path);
    let path = path.to_str().unwrap();
    bpftool(&["map", "create", path, "type", kind, "key", "4", "value", value, "entries", entries, "name", "foreign"]);
}

/// Puts another name of something that is pinned in the place of a pin.
fn exchange(pins: &Path, name: &str, by: &str) {
    fs::remove_file(pins.join(name)).unwrap();
    fs::hard_link(pins.join(by), pins.join(name)).expect("a BPF file system has hard links");
}

/// How pins are spoiled, and what is said of it.
type Case = (&'static str, fn(&Path), &'static str);

const CASES: &[Case] = &[
    ("a map is missing", |pins| fs::remove_file(pins.join("FLOWS")).unwrap(), "map FLOWS cannot be handed"),
    (
        "a map of another size",
        |pins| map(pins, "EVENTS", "array", "8", "3"),
        "EVENTS is not a map that honeyxdp created",
    ),
    (
        "a map of another kind",
        |pins| map(pins, "GENERATION", "hash", "8", "1"),
        "GENERATION is not a map that honeyxdp created",
    ),
    ("another one of ours", |pins| exchange(pins, "POSITIONS", "PAYLOADS"), "map POSITIONS has another size"),
    (
        "a link in the place of a map",
        |pins| exchange(pins, "TOTALS", "link_0"),
        "TOTALS is not a map that honeyxdp created",
    ),
    ("about is of another kind", |pins| map(pins, "about", "hash", "4096", "1"), "about:"),
    ("about is of another size", |pins| map(pins, "about", "array", "8", "1"), "about:"),
    ("about is empty", |pins| map(pins, "about", "array", "4096", "1"), "about:"),
    ("about is another one of ours", |pins| exchange(pins, "about", "PORTS"), "about:"),
];

#[test]
fn what_somebody_put_among_the_pins_is_refused_and_cleared_by_detach() {
    let post = RestartScenario::new(BINARY).unwrap();
    let pins = post.pins();
    let detach = || post.veth.sensor.run(&format!("{BINARY} detach --all --pin-path {}", pins.display())).unwrap();
    for (case, spoil, said) in CASES {
        let mut sensor = post.start(None).unwrap();
        sensor.signal(Signal::KILL).unwrap();
        sensor.wait().unwrap();
        spoil(&pins);
        let error = post.start(None).map(drop).unwrap_err().to_string();
        let reason = error.lines().find_map(|line| line.strip_prefix("honeyxdp: ")).unwrap_or(&error);
        assert!(reason.contains("cannot go on") && reason.contains(said), "{case}: {error}");
        assert!(reason.contains("`honeyxdp detach --all`"), "{case}: {error}");
        detach();
        assert!(!pins.exists(), "{case}");
        let links = post.veth.sensor.run("ip -d link").unwrap();
        assert!(!links.contains("prog/xdp"), "{case}: {links}");
    }
}

#[test]
fn what_has_a_links_name_and_is_none_is_replaced() {
    let post = RestartScenario::new(BINARY).unwrap();
    let pins = post.pins();
    // Whatever its size is: the index of an interface could be the number of its elements.
    for entries in 1..=4 {
        let mut sensor = post.start(None).unwrap();
        sensor.signal(Signal::KILL).unwrap();
        sensor.wait().unwrap();
        map(&pins, "link_0", "array", "8", &entries.to_string());
        let sensor = post.start(None).unwrap();
        post.scan().unwrap();
        post.settle(sensor);
    }
    map(&pins, "link_0", "array", "8", "2");
    post.veth.sensor.run(&format!("{BINARY} detach --all --pin-path {}", pins.display())).unwrap();
    assert!(!pins.exists());
}
