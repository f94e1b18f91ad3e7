use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::*;
use crate::{
    Counts,
    snapshot::{PortLimit, Recorder, Run, Sensor, Span},
    sources::{Settings, SourceTracker},
};

fn snapshot(sequence: u64) -> Snapshot {
    let now = Timestamp::UNIX_EPOCH;
    let run = Run {
        sensor: Sensor::of_this_machine(None, None),
        interfaces: Vec::new(),
        started_at: now,
        filters: BTreeMap::new(),
        ports: PortLimit::default(),
    };
    let sources = SourceTracker::new(&Settings::default(), now);
    let recorder = Recorder::new(run, sequence - 1);
    recorder.snapshot(&Counts::default(), &sources, Span { start: now, end: now, length: Duration::ZERO })
}

#[test]
fn reads_back_what_it_wrote_and_keeps_the_last_ones() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), History::recent(3)).unwrap();
    for sequence in 1..=5 {
        store.write(&snapshot(sequence)).unwrap();
    }
    assert_eq!(read(directory.path()).unwrap(), snapshot(5));
    let mut kept = numbers(&directory.path().join(HISTORY)).unwrap();
    kept.sort_unstable();
    assert_eq!(kept, [3, 4, 5]);
    assert_eq!(history(directory.path()).unwrap(), [snapshot(3), snapshot(4), snapshot(5)]);
}

#[test]
fn thins_the_history_to_one_a_minute() {
    let ten = Duration::from_secs(10);
    let history = History::new(Duration::from_hours(1), Duration::from_hours(24), ten);
    let last = 100_000;
    let kept: Vec<u64> = (1..=last).filter(|&number| history.keeps(number, last)).collect();
    assert_eq!(kept.len(), 360 + (8640 - 360) / 6);
    assert!(kept[kept.len() - 360..].is_sorted_by(|a, b| a + 1 == *b));
    assert!(kept[..kept.len() - 360].iter().all(|number| number.is_multiple_of(6) && *number > last - 8640));
    let slow = History::new(Duration::from_hours(1), Duration::from_hours(24), Duration::from_mins(10));
    assert_eq!((1..=last).filter(|&number| slow.keeps(number, last)).count(), 144);
    assert!(History::new(Duration::ZERO, Duration::ZERO, ten).is_off());
}

#[test]
fn writes_no_history_that_it_would_not_keep() {
    let directory = tempfile::tempdir().unwrap();
    let minutes = History::new(Duration::ZERO, Duration::from_mins(3), Duration::from_secs(20));
    let store = Store::open(directory.path(), minutes).unwrap();
    for sequence in 1..=14 {
        store.write(&snapshot(sequence)).unwrap();
    }
    let mut kept = numbers(&directory.path().join(HISTORY)).unwrap();
    kept.sort_unstable();
    assert_eq!(kept, [6, 9, 12]);
    let off = tempfile::tempdir().unwrap();
    Store::open(off.path(), History::OFF).unwrap().write(&snapshot(1)).unwrap();
    assert!(!off.path().join(HISTORY).exists());
}

#[test]
fn removes_the_oldest_from_a_history_that_is_too_large() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), History::recent(100)).unwrap();
    for number in 1..=4 {
        let entry = File::create(directory.path().join(HISTORY).join(history_name(number))).unwrap();
        entry.set_len(10 << 20).unwrap();
    }
    store.write(&snapshot(5)).unwrap();
    let mut kept = numbers(&directory.path().join(HISTORY)).unwrap();
    kept.sort_unstable();
    assert_eq!(kept, [2, 3, 4, 5]);
}

#[test]
fn replaces_a_history_entry_whose_snapshot_was_not_stored() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), History::recent(3)).unwrap();
    let entry = directory.path().join(HISTORY).join(history_name(1));
    fs::write(&entry, "old").unwrap();
    store.write(&snapshot(1)).unwrap();
    assert_eq!(parse(&entry).unwrap(), snapshot(1));
}

#[test]
fn the_sequence_goes_on_in_a_directory_that_was_used_before() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), History::recent(3)).unwrap();
    assert_eq!(store.last_sequence(), 0);
    store.write(&snapshot(7)).unwrap();
    drop(store);
    assert_eq!(Store::open(directory.path(), History::recent(3)).unwrap().last_sequence(), 7);
}

#[test]
fn finds_the_number_of_a_broken_newest_snapshot_in_the_history() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), History::recent(3)).unwrap();
    store.write(&snapshot(7)).unwrap();
    drop(store);
    fs::write(directory.path().join(NEWEST), b"{\"schema\":\"hon").unwrap();
    assert!(read(directory.path()).unwrap_err().to_string().contains("is not a snapshot"));
    assert_eq!(Store::open(directory.path(), History::recent(3)).unwrap().last_sequence(), 7);
}

#[test]
fn continues_after_a_kill_between_history_and_newest() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), History::recent(3)).unwrap();
    store.write(&snapshot(1)).unwrap();
    // Killed between the two renames.
    let (temporary, entry) = (directory.path().join(TEMPORARY), directory.path().join(HISTORY).join(history_name(2)));
    let json = serde_json::to_vec(&snapshot(2)).unwrap();
    fs::write(&temporary, &json).unwrap();
    fs::write(&entry, compressed(&json)).unwrap();
    drop(store);
    let store = Store::open(directory.path(), History::recent(3)).unwrap();
    assert_eq!((store.last_sequence(), store.last().unwrap().sequence), (2, 2));
    store.write(&snapshot(3)).unwrap();
    assert_eq!((parse(&entry).unwrap(), read(directory.path()).unwrap()), (snapshot(2), snapshot(3)));
}

#[test]
fn skips_a_truncated_snapshot_and_does_not_reuse_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), History::recent(3)).unwrap();
    for sequence in 1..=3 {
        store.write(&snapshot(sequence)).unwrap();
    }
    drop(store);
    let newest = directory.path().join(NEWEST);
    let json = fs::read(&newest).unwrap();
    // All but the end of the line: without it the snapshot is whole.
    for length in 0..json.len() - 1 {
        let half = serde_json::from_slice::<Snapshot>(&json[..length]);
        assert!(half.is_err(), "{length} bytes of {}", json.len());
    }
    // They are all the same to a store.
    for length in [0, 1, json.len() / 2, json.len() - 2] {
        fs::write(&newest, &json[..length]).unwrap();
        let store = Store::open(directory.path(), History::recent(3)).unwrap();
        assert_eq!((store.last_sequence(), store.last().unwrap()), (3, snapshot(3)), "{length} bytes");
        assert!(read(directory.path()).unwrap_err().to_string().contains("is not a snapshot"), "{length} bytes");
    }
    fs::remove_file(&newest).unwrap();
    let entry = directory.path().join(HISTORY).join(history_name(3));
    let gzip = fs::read(&entry).unwrap();
    for length in [0, 1, 10, gzip.len() / 2, gzip.len() - 1] {
        fs::write(&entry, &gzip[..length]).unwrap();
        let store = Store::open(directory.path(), History::recent(3)).unwrap();
        assert_eq!((store.last_sequence(), store.last().unwrap()), (3, snapshot(2)), "{length} bytes");
    }
    fs::write(&newest, &json).unwrap();
    assert_eq!(Store::open(directory.path(), History::recent(3)).unwrap().last().unwrap(), snapshot(3));
}

#[test]
fn two_writers_in_one_directory_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = Store::open(directory.path(), History::recent(3)).unwrap();
    let error = Store::open(directory.path(), History::recent(3)).unwrap_err().to_string();
    assert!(error.contains("another honeyxdp writes to"), "{error}");
    drop(first);
    Store::open(directory.path(), History::recent(3)).unwrap();
}

#[test]
fn a_directory_that_was_removed_is_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("out");
    let store = Store::open(&directory, History::recent(3)).unwrap();
    store.write(&snapshot(1)).unwrap();
    fs::remove_dir_all(&directory).unwrap();
    store.write(&snapshot(2)).unwrap();
    assert_eq!(read(&directory).unwrap(), snapshot(2));
}

#[test]
fn a_sensor_that_has_not_written_yet_is_told_from_none() {
    let directory = tempfile::tempdir().unwrap();
    assert!(read(directory.path()).unwrap_err().to_string().contains("there is no snapshot"));
    let store = Store::open(directory.path(), History::recent(3)).unwrap();
    assert!(read(directory.path()).unwrap_err().to_string().contains("has just started"));
    drop(store);
    assert!(read(directory.path()).unwrap_err().to_string().contains("there is no snapshot"));
}

#[test]
fn other_files_in_the_history_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), History::recent(1)).unwrap();
    let note = directory.path().join(HISTORY).join("note.json");
    fs::write(&note, "mine").unwrap();
    store.write(&snapshot(1)).unwrap();
    store.write(&snapshot(2)).unwrap();
    assert!(note.exists());
}
