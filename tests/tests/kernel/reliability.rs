//! Disks that cannot be written and clocks that jump: the sensor says so, goes on counting, and recovers.
//!
//! A full disk is in sensor.rs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use arrow_array::{cast::AsArray as _, types::TimestampMillisecondType};
use honeyxdp::snapshot::{Snapshot, store};
use honeyxdp_archive::{Archive, Table};
use jiff::{SignedDuration, Timestamp};
use lab::{
    archived::{batches, good},
    craft,
    network::{SENSOR, VethPair},
    sensor::Sensor,
};

use crate::BINARY;

fn mirai(host: u8, frames: usize) -> Vec<Vec<u8>> {
    vec![craft::mirai([198, 18, 0, host].into(), [198, 18, 0, 1].into(), 23); frames]
}

/// Runs a command in the mount namespace of a sensor, which `ip netns exec` made for it.
fn mounts(sensor: &Sensor, words: &[&str]) {
    let output = Command::new("nsenter").arg(format!("--mount=/proc/{}/ns/mnt", sensor.pid())).args(words).output();
    let output = output.expect("nsenter is needed");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_directory_that_becomes_read_only_is_said_and_costs_no_count() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let mut command = veth.sensor.command(BINARY);
    command.args(["run", "-i", SENSOR, "--interval", "200ms", "--history-age", "24h", "--out", path]);
    let mut sensor = Sensor::spawn(command, directory.path().to_owned()).unwrap();
    veth.send(&mirai(100, 10)).unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 10).unwrap();

    // The kernel refuses to make a mount read-only on which a file is open for writing, so a read-only one goes on top.
    mounts(&sensor, &["mount", "--bind", path, path]);
    mounts(&sensor, &["mount", "-o", "remount,bind,ro", path]);
    sensor.wait_for_line("Read-only file system").unwrap();
    assert!(sensor.printed().contains("trying again at the next interval"), "{}", sensor.printed());
    let stuck = store::read(directory.path()).expect("the last snapshot is whole");
    veth.send(&mirai(101, 7)).unwrap();
    thread::sleep(Duration::from_millis(600));
    assert_eq!(store::read(directory.path()).unwrap(), stuck, "nothing can be written to a read-only directory");

    mounts(&sensor, &["umount", path]);
    let next = sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 17).unwrap();
    // What could not be written is in the first one after it, and numbers have no gap.
    let first = store::entry(directory.path(), stuck.sequence + 1).unwrap();
    assert_eq!(first.interval.family("mirai").packets, 7);
    assert_eq!(first.interval.start, stuck.interval.end);
    assert!(next.sequence >= first.sequence);
    assert_eq!(sensor.stop().unwrap().family("mirai").packets, 17);
}

/// Debian's libfaketime, which stands between a program and its clock.
fn faketime() -> PathBuf {
    let libraries = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let mut found =
        libraries.map(|directory| directory.join("faketime/libfaketime.so.1")).filter(|library| library.exists());
    found.next().expect("libfaketime is needed: install Debian's package faketime")
}

/// A sensor whose wall clock is off by what `clock` says. Its steady clock is the kernel's.
fn with_clock(veth: &VethPair, directory: &Path, clock: &Path) -> Sensor {
    let mut command = veth.sensor.command(BINARY);
    command.args(["run", "-i", SENSOR, "--interval", "200ms", "--out"]).arg(directory);
    command.arg("--archive").arg(directory.join("archive"));
    command.env("LD_PRELOAD", faketime()).env("FAKETIME_TIMESTAMP_FILE", clock);
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    Sensor::spawn(command, directory.to_owned()).unwrap()
}

fn set(clock: &Path, offset: &str) {
    let new = clock.with_extension("new");
    fs::write(&new, offset).unwrap();
    fs::rename(new, clock).unwrap();
}

#[test]
fn a_clock_that_jumps_an_hour_back_and_forward_again_is_said_and_changes_no_count() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    // In the sensor's own directory: it reads the file again and again, and may read no others.
    let clock = directory.path().join("clock");
    set(&clock, "+0");
    let mut sensor = with_clock(&veth, directory.path(), &clock);
    veth.send(&mirai(100, 10)).unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 10).unwrap();

    set(&clock, "-1h");
    sensor.wait_for_line("warning: the clock was set back by 1h").unwrap();
    veth.send(&mirai(101, 7)).unwrap();
    let back = sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 17).unwrap();
    let off = Timestamp::now().duration_since(back.generated_at);
    assert!((off - SignedDuration::from_hours(1)).abs() < SignedDuration::from_mins(1), "the clock is off by {off}");

    set(&clock, "+0");
    sensor.wait_for_line("warning: the clock was set forward by").unwrap();
    veth.send(&mirai(102, 5)).unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 22).unwrap();
    let last = sensor.stop().unwrap();
    assert_eq!(last.family("mirai").packets, 22);
    assert_eq!(last.family("mirai").unique_sources.value, 3);

    // Nor does the archive lose a row over it, or an interval its account.
    let archive = Archive::new(directory.path().join("archive"));
    let checked = good(&archive);
    assert_eq!((checked.syns, checked.packets, checked.missing), (22, 22, 0));
    for batch in batches(&archive, Table::Accounting) {
        let [starts, ends] = ["interval_start", "interval_end"].map(|name| {
            batch.column_by_name(name).unwrap().as_primitive::<TimestampMillisecondType>().values().clone()
        });
        for (start, end) in starts.iter().zip(&ends) {
            assert!((0..60_000).contains(&(end - start)), "an interval from {start} to {end}");
        }
    }

    // All intervals, by their numbers: none is negative, none has an hour in it, and they add up.
    let all = store::history(directory.path()).unwrap();
    assert!(all.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence), "the sequence has a gap");
    assert!(all.windows(2).any(|pair| pair[1].generated_at < pair[0].generated_at), "the clock never went back");
    for Snapshot { sequence, interval, windows, .. } in &all {
        let length = interval.end.duration_since(interval.start).as_secs_f64();
        assert!(
            length > 0.0 && (length - interval.seconds).abs() < 1.0,
            "#{sequence}: {length} s, {} s",
            interval.seconds
        );
        let earlier = windows.last_hour.as_ref().is_none_or(|last| last.start < windows.hour.start);
        assert!(earlier && windows.hour.since <= interval.end, "#{sequence}: {windows:?}");
    }
    let sum: u64 = all.iter().map(|snapshot| snapshot.interval.family("mirai").packets).sum();
    assert_eq!(sum, 22, "the intervals do not add up");
    assert_eq!(sum, last.frames.seen);
}
