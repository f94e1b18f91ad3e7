use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::MetadataExt as _,
    time::Duration,
};

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
fn what_is_written_is_read_back_and_the_history_keeps_the_last_ones() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), 3).unwrap();
    for sequence in 1..=5 {
        store.write(&snapshot(sequence)).unwrap();
    }
    assert_eq!(read(directory.path()).unwrap(), snapshot(5));
    let mut kept = numbers(&directory.path().join(HISTORY)).unwrap();
    kept.sort_unstable();
    assert_eq!(kept, [3, 4, 5]);
}

#[test]
fn the_newest_is_written_once_and_has_two_names() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), 3).unwrap();
    let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
    let entry = |sequence| directory.path().join(HISTORY).join(history_name(sequence));
    store.write(&snapshot(1)).unwrap();
    let first = inode(entry(1));
    assert_eq!(first, inode(store.newest()));
    store.write(&snapshot(2)).unwrap();
    assert_eq!(inode(entry(2)), inode(store.newest()));
    assert_eq!(inode(entry(1)), first, "the older one stays");
    assert!(!directory.path().join(TEMPORARY).exists());
}

#[test]
fn a_number_that_got_no_further_than_the_history_is_written_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), 3).unwrap();
    let entry = directory.path().join(HISTORY).join(history_name(1));
    fs::write(&entry, "old").unwrap();
    store.write(&snapshot(1)).unwrap();
    assert_eq!(fs::read(&entry).unwrap(), fs::read(store.newest()).unwrap());
}

#[test]
fn without_hard_links_the_history_gets_a_copy() {
    // Another file system: no file of it can be linked from here.
    let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
    std::os::unix::fs::symlink(other.path(), directory.path().join(HISTORY)).unwrap();
    let store = Store::open(directory.path(), 2).unwrap();
    for sequence in 1..=3 {
        store.write(&snapshot(sequence)).unwrap();
    }
    let names = |path: &Path| -> BTreeSet<_> {
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(names(other.path()), [history_name(2), history_name(3)].into());
    let copy = other.path().join(history_name(3));
    assert_ne!(fs::metadata(&copy).unwrap().dev(), fs::metadata(store.newest()).unwrap().dev());
    assert_eq!(fs::read(copy).unwrap(), fs::read(store.newest()).unwrap());
}

#[test]
fn the_sequence_goes_on_in_a_directory_that_was_used_before() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), 3).unwrap();
    assert_eq!(store.last_sequence(), 0);
    store.write(&snapshot(7)).unwrap();
    drop(store);
    assert_eq!(Store::open(directory.path(), 3).unwrap().last_sequence(), 7);
}

#[test]
fn a_broken_newest_snapshot_does_not_stop_the_sensor_and_its_number_is_found_in_the_history() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), 3).unwrap();
    store.write(&snapshot(7)).unwrap();
    drop(store);
    fs::write(directory.path().join(NEWEST), b"{\"schema\":\"hon").unwrap();
    assert!(read(directory.path()).unwrap_err().to_string().contains("is not a snapshot"));
    assert_eq!(Store::open(directory.path(), 3).unwrap().last_sequence(), 7);
}

#[test]
fn what_a_kill_left_beside_the_newest_is_not_written_over_in_the_history() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), 3).unwrap();
    store.write(&snapshot(1)).unwrap();
    // Killed between its name in the history and its name as the newest.
    let (temporary, entry) = (directory.path().join(TEMPORARY), directory.path().join(HISTORY).join(history_name(2)));
    fs::write(&temporary, serde_json::to_vec(&snapshot(2)).unwrap()).unwrap();
    fs::hard_link(&temporary, &entry).unwrap();
    drop(store);
    let store = Store::open(directory.path(), 3).unwrap();
    assert_eq!((store.last_sequence(), store.last().unwrap().sequence), (2, 2));
    store.write(&snapshot(3)).unwrap();
    assert_eq!((parse(&entry).unwrap(), read(directory.path()).unwrap()), (snapshot(2), snapshot(3)));
}

#[test]
fn a_half_of_any_length_in_the_history_is_passed_over_and_its_number_not_used_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), 3).unwrap();
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
        let store = Store::open(directory.path(), 3).unwrap();
        assert_eq!((store.last_sequence(), store.last().unwrap()), (3, snapshot(2)), "{length} bytes");
        assert!(read(directory.path()).unwrap_err().to_string().contains("is not a snapshot"), "{length} bytes");
    }
    fs::write(&newest, &json).unwrap();
    assert_eq!(Store::open(directory.path(), 3).unwrap().last().unwrap(), snapshot(3));
}

#[test]
fn two_writers_in_one_directory_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = Store::open(directory.path(), 3).unwrap();
    let error = Store::open(directory.path(), 3).unwrap_err().to_string();
    assert!(error.contains("another honeyxdp writes to"), "{error}");
    drop(first);
    Store::open(directory.path(), 3).unwrap();
}

#[test]
fn a_directory_that_was_removed_is_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("out");
    let store = Store::open(&directory, 3).unwrap();
    store.write(&snapshot(1)).unwrap();
    fs::remove_dir_all(&directory).unwrap();
    store.write(&snapshot(2)).unwrap();
    assert_eq!(read(&directory).unwrap(), snapshot(2));
}

#[test]
fn a_sensor_that_has_not_written_yet_is_told_from_none() {
    let directory = tempfile::tempdir().unwrap();
    assert!(read(directory.path()).unwrap_err().to_string().contains("there is no snapshot"));
    let store = Store::open(directory.path(), 3).unwrap();
    assert!(read(directory.path()).unwrap_err().to_string().contains("has just begun"));
    drop(store);
    assert!(read(directory.path()).unwrap_err().to_string().contains("there is no snapshot"));
}

#[test]
fn other_files_in_the_history_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), 1).unwrap();
    let note = directory.path().join(HISTORY).join("note.json");
    fs::write(&note, "mine").unwrap();
    store.write(&snapshot(1)).unwrap();
    store.write(&snapshot(2)).unwrap();
    assert!(note.exists());
}
