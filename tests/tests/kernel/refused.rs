//! A kernel that refuses memory, forbids a call, or loses the interface meanwhile: the start says what to do, and leaves nothing
//! behind.

use std::{
    fs, io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process, thread,
    time::{Duration, Instant},
};

use lab::{
    network::{OUTSIDE, SENSOR},
    restarts::RestartScenario,
    sensor::Sensor,
    strace::{Fault, Trap},
};

use crate::BINARY;

/// What must not be there after a start that failed.
fn leaves_nothing(post: &RestartScenario, when: &str) {
    let pins = fs::read_dir(post.pins()).map_or(0, Iterator::count);
    assert_eq!(pins, 0, "{when}");
    let links = post.veth.sensor.run("ip -d link").unwrap();
    assert!(!links.contains("prog/xdp"), "{when}: {links}");
}

/// The one sentence that says why it ended.
fn reason(error: &anyhow::Error) -> String {
    let printed = error.to_string();
    let mut reasons = printed.lines().filter_map(|line| line.strip_prefix("honeyxdp: "));
    let (first, second) = (reasons.next(), reasons.next());
    assert!(first.is_some() && second.is_none(), "{printed}");
    first.unwrap_or_default().to_owned()
}

/// Has the kernel refuse all calls of bpf(2) from this one on. Returns the first of them and the reason, if it did not start.
fn refused_from(post: &RestartScenario, nth: usize, errno: &'static str) -> Option<(String, String)> {
    let trap = Trap::from("bpf", nth, Fault::Refuse(errno)).unwrap();
    let error = post.start(Some(&trap)).err()?;
    let call = trap.calls("bpf").unwrap().swap_remove(nth - 1);
    assert!(call.contains("(INJECTED)"), "{call}: {error:#}");
    let reason = reason(&error);
    leaves_nothing(post, &call);
    Some((call, reason))
}

#[test]
fn memory_that_is_refused_at_any_call_is_said_and_nothing_stays() {
    let post = RestartScenario::new(BINARY).unwrap();
    // One after another where the map_set is made and pinned, with gaps where aya tries what the kernel can do.
    let mut nth = 1;
    while let Some((call, reason)) = refused_from(&post, nth, "ENOMEM") {
        if call.contains("BPF_MAP_CREATE") || call.contains("BPF_PROG_LOAD") || call.contains("BPF_OBJ_PIN") {
            let remedy = "raise it, or lower --record-buffer";
            let said = reason.contains("Cannot allocate memory") && reason.contains(remedy);
            assert!(said, "{nth}: {call}: {reason}");
        }
        nth += if nth < 28 { 1 } else { 7 };
    }
    assert!(nth > 90, "a start takes more calls than {nth}");
}

#[test]
fn what_is_forbidden_though_the_capabilities_are_there_is_said_and_nothing_stays() {
    let post = RestartScenario::new(BINARY).unwrap();
    for nth in [1, 2, 5, 20, 60] {
        let (call, reason) = refused_from(&post, nth, "EPERM").expect("it does not start without bpf(2)");
        assert!(reason.contains("Operation not permitted"), "{call}: {reason}");
        if call.contains("BPF_MAP_CREATE") {
            assert!(reason.contains("`honeyxdp doctor`"), "{call}: {reason}");
        }
    }
}

/// A control group with a limit of memory, of version 1 or 2. It is removed when this is dropped.
struct Limited(PathBuf);

impl Limited {
    fn new(bytes: u64) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let controls = |mount: &Vec<&str>| {
            (mount[2] == "cgroup" && mount[3].split(',').any(|option| option == "memory"))
                || (mount[2] == "cgroup2"
                    && fs::read_to_string(Path::new(mount[1]).join("cgroup.subtree_control"))
                        .is_ok_and(|controllers| controllers.contains("memory")))
        };
        let mount = mounts.filter(|mount| mount.len() > 3).find(controls).expect("a control group that limits memory");
        let group = Self(Path::new(mount[1]).join(format!("hx-{}-limited", process::id())));
        fs::create_dir(&group.0).unwrap();
        let limit = if mount[2] == "cgroup2" { "memory.max" } else { "memory.limit_in_bytes" };
        fs::write(group.0.join(limit), bytes.to_string()).unwrap();
        group
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        // Its last process may have ended this moment.
        let start = Instant::now();
        while fs::remove_dir(&self.0).is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
            if start.elapsed() > Duration::from_secs(5) {
                eprintln!("{} stays", self.0.display());
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_control_group_with_too_little_memory_is_said_and_nothing_stays() {
    let post = RestartScenario::new(BINARY).unwrap();
    let group = Limited::new(48 << 20);
    let mut command = post.command(None);
    let members = group.0.join("cgroup.procs");
    // SAFETY: only system calls between fork and exec, and the path was made before.
    unsafe { command.pre_exec(move || fs::write(&members, "0")) };
    let error = Sensor::spawn(command, post.out()).map(drop).unwrap_err();
    let reason = reason(&error);
    assert!(reason.contains("the kernel refused map ") && reason.contains("MemoryMax="), "{reason}");
    leaves_nothing(&post, &reason);
    // Where there is enough it starts, on the same directories.
    post.scan().unwrap();
    post.start(None).unwrap().stop().unwrap();
}

#[test]
fn an_interface_that_vanishes_while_it_is_attached_is_said_and_nothing_stays() {
    let post = RestartScenario::new(BINARY).unwrap();
    let calls = {
        let never = Trap::at("bpf", 60_000, Fault::Kill).unwrap();
        post.start(Some(&never)).unwrap().stop().unwrap();
        never.calls("bpf").unwrap()
    };
    let pins = post.pins();
    post.veth.sensor.run(&format!("{BINARY} detach --all --pin-path {}", pins.display())).unwrap();
    let attaching = calls.iter().position(|call| call.contains("LINK_CREATE") && call.contains("BPF_XDP"));
    let attaching = attaching.expect("it is attached by a link");
    let trap = Trap::at("bpf", attaching + 1, Fault::Delay).unwrap();
    let error = thread::scope(|scope| {
        let start = scope.spawn(|| post.start(Some(&trap)).map(drop));
        let begun = Instant::now();
        while trap.calls("bpf").map_or(0, |calls| calls.len()) < attaching {
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not come to that");
            thread::sleep(Duration::from_millis(10));
        }
        post.veth.outside.ip(&format!("link del {OUTSIDE}")).unwrap();
        start.join().unwrap().unwrap_err()
    });
    let reason = reason(&error);
    assert!(reason.contains(SENSOR) && reason.contains("was removed during the start"), "{reason}");
    leaves_nothing(&post, &reason);
}
