//! kill -9 exactly before a system call, at every stage of a start, a drain, and a file that is written. Whoever starts next goes
//! on with the same pins and directories, and in the end every SYN is in one interval and in one row or one account.

use lab::{
    restarts::RestartScenario,
    sample,
    sensor::Sensor,
    strace::{Fault, Trap},
};
use rustix::process::Signal;

use crate::BINARY;

/// Calls of bpf(2) between two that a sampled run kills at, at most.
const STEP: usize = 16;

/// Starts one sensor after another, each on what the one before left and each killed at a later call of bpf(2), until one comes
/// through. Returns that one, and the calls that the others were killed before: every call, or a sample of them.
fn starts(post: &RestartScenario) -> (Sensor, Vec<String>) {
    let (mut calls, mut nth) = (Vec::new(), 0);
    let mut random = sample::random();
    loop {
        nth += if sample::is_whole() { 1 } else { 1 + random.below(STEP) };
        let trap = Trap::at("bpf", nth, Fault::Kill).unwrap();
        match post.start(Some(&trap)) {
            Ok(sensor) => return (sensor, calls),
            Err(error) => {
                // An error in words, and not the trap, would be something that the dead have left.
                let call = trap.killed_before().unwrap_or_else(|trapped| panic!("{trapped:#}: {error:#}"));
                calls.push(call);
            }
        }
    }
}

/// Whether a process was killed before this command of bpf(2).
fn met(calls: &[String], command: &str) -> usize {
    calls.iter().filter(|call| call.contains(command)).count()
}

#[test]
fn at_every_call_of_a_first_start() {
    let post = RestartScenario::new(BINARY).unwrap();
    let (sensor, calls) = starts(&post);
    assert!(!calls.is_empty());
    if sample::is_whole() {
        assert!(met(&calls, "BPF_MAP_CREATE") > 11 && met(&calls, "BPF_OBJ_PIN") > 11, "{calls:#?}");
        let links = met(&calls, "BPF_LINK_CREATE, {link_create={prog_fd");
        assert_eq!(links, 2, "that of the interface, and aya's trial: {calls:#?}");
    }
    for _ in 0..10 {
        post.scan().unwrap();
    }
    post.settle(sensor);
}

#[test]
fn at_every_call_of_an_upgrade() {
    let post = RestartScenario::new(BINARY).unwrap();
    let old = post.start(None).unwrap();
    let sensor = post.under_traffic(|| {
        old.stop().unwrap();
        let (sensor, calls) = starts(&post);
        assert!(!calls.is_empty());
        if sample::is_whole() {
            assert!(met(&calls, "BPF_OBJ_GET,") > 11 && met(&calls, "BPF_PROG_LOAD") > 0, "{calls:#?}");
            assert_eq!(met(&calls, "BPF_LINK_UPDATE"), 1, "{calls:#?}");
        }
        sensor
    });
    post.settle(sensor);
}

/// Has a thread killed before each of these calls, counted from a moment between two intervals on.
fn killed_at(thread: &str, stages: &[(&str, usize)]) {
    let post = RestartScenario::new(BINARY).unwrap();
    let mut sensor = post.start(None).unwrap();
    let sensor = post.under_traffic(|| {
        for &(call, most) in stages {
            for nth in 1..=most {
                let trap = Trap::at(call, nth, Fault::Kill).unwrap();
                let attached = trap.attach(sensor.pid(), thread).unwrap();
                let before = trap.killed_before().unwrap();
                drop(attached);
                assert!(before.starts_with(&format!("{call}(")), "{before}");
                sensor.wait().unwrap();
                sensor = post.start(None).unwrap();
            }
        }
        sensor
    });
    post.settle(sensor);
}

#[test]
fn while_a_generation_is_cut() {
    killed_at("drain", &[("bpf", 2)]);
}

#[test]
fn after_the_cut_and_before_the_snapshot_is_written() {
    killed_at("drain", &[("mkdir", 1), ("openat", 1)]);
}

#[test]
fn while_the_snapshot_is_written() {
    killed_at("drain", &[("write", 2), ("fsync", 2)]);
}

#[test]
fn between_the_snapshots_name_in_the_history_and_its_name_as_the_newest() {
    // Before the first rename, between the two, before the directory is synced.
    killed_at("drain", &[("rename", 2), ("openat", 3), ("fsync", 3)]);
}

#[test]
fn while_rows_of_the_archive_are_written() {
    killed_at("archive", &[("openat", 1), ("write", 3)]);
}

#[test]
fn between_rows_that_are_written_and_the_name_of_their_file() {
    killed_at("archive", &[("fsync", 1), ("rename", 1)]);
}

#[test]
fn between_a_file_of_rows_and_their_account() {
    // The directory of the rows, the file of the account, its bytes, its name, its directory.
    killed_at("archive", &[("openat", 4), ("fsync", 4), ("rename", 2)]);
}

#[test]
fn while_it_ends() {
    let post = RestartScenario::new(BINARY).unwrap();
    let mut sensor = post.start(None).unwrap();
    let sensor = post.under_traffic(|| {
        for nth in 1..=2 {
            let trap = Trap::at("rename", nth, Fault::Kill).unwrap();
            let attached = trap.attach(sensor.pid(), "drain").unwrap();
            sensor.signal(Signal::TERM).unwrap();
            trap.killed_before().unwrap();
            drop(attached);
            sensor.wait().unwrap();
            sensor = post.start(None).unwrap();
        }
        sensor
    });
    post.settle(sensor);
}
