//! The soak run itself, short: it passes, it can fail, and it leaves nothing behind. A file of its own, so that no other test
//! runs beside it.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use lab::network::SENSOR;
use rustix::process::{Pid, Signal, kill_process};

use crate::LAB;

fn soak(args: &str) -> Child {
    let mut command = Command::new(LAB);
    command.arg("soak").args(args.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// That no namespace, mount or process of a run is there any more.
fn nothing_is_left_of(pid: u32) {
    let namespaces = fs::read_dir("/run/netns").unwrap().map(|entry| entry.unwrap().file_name());
    let ours = format!("hx-{pid}-");
    assert!(namespaces.into_iter().all(|name| !name.to_string_lossy().starts_with(&ours)), "a namespace is left");
    let directory = |process: &Path| fs::read(process.join("cmdline")).unwrap_or_default();
    let processes = fs::read_dir("/proc").unwrap().map(|entry| directory(&entry.unwrap().path()));
    let sensors =
        processes.into_iter().filter(|line| String::from_utf8_lossy(line).contains(&format!("hx-soak-{pid}-")));
    assert_eq!(sensors.count(), 0, "a process is left");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(&format!("hx-soak-{pid}-")), "a mount is left");
}

#[test]
fn a_short_soak_passes_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("soak.json");
    let child = soak(&format!("--minutes 0.25 --every 4 --rate 4000 --seed 4 --restarts 3 --json {}", json.display()));
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    let printed = printed(&output);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("PASSED"), "{printed}");
    nothing_is_left_of(pid);

    let document: serde_json::Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    assert_eq!((&document["schema"], &document["passed"]), (&"honeyxdp.soak/1".into(), &true.into()));
    let checks = document["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["sent"] == check["counted"] && check["sent"].as_u64() > Some(1_000)));
    let done = |what: &str| document["done"][what].as_u64().unwrap_or(0);
    assert!(done("stops") + done("kills") + done("upgrades") >= 3, "{printed}");
    assert!(document["last"]["archive"]["rows"].as_u64() > Some(0) && document["answers"].as_u64() > Some(0));
}

#[test]
fn a_frame_that_is_not_told_is_found() {
    let child = soak("--minutes 0.05 --every 2 --rate 1000 --untold 1");
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("FAILED") && printed.contains("(+1)"), "{printed}");
    assert!(printed.contains("frames that the interface received"), "{printed}");
    nothing_is_left_of(pid);
}

#[test]
fn an_interrupted_soak_shows_what_it_saw_and_cleans_up() {
    let child = soak("--minutes 60 --every 600 --rate 1000");
    let pid = child.id();
    let start = Instant::now();
    // Until its sensor is attached.
    let attached = || {
        let name = format!("hx-{pid}-1-in");
        let output = Command::new("ip").args(["-n", &name, "-d", "link", "show", SENSOR]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains("prog/xdp")
    };
    while !attached() {
        assert!(start.elapsed() < Duration::from_secs(30), "no sensor");
        thread::sleep(Duration::from_millis(50));
    }
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = printed(&output);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("INTERRUPTED") && printed.contains("1 checks and 1 after the end"), "{printed}");
    nothing_is_left_of(pid);
}
