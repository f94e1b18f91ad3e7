//! Where snapshots lie: `DIR/snapshot.json` is the newest and always whole, `DIR/history/` keeps the last ones.
//!
//! A snapshot is written once, beside its place, and synced. Then it gets its name in the history as a hard link, and is
//! renamed over the newest: a reader sees the old one or the new one and never a half, under either name. What a crash leaves is one
//! temporary file that the next write replaces, and at worst no name in the history for the last snapshots. When writing fails (a full disk), the
//! newest snapshot stays as it was and the caller tries again with the next one: counters are cumulative, so nothing is
//! lost.
//!
//! Where there are no hard links (FAT, some network file systems, a history on another file system), the history gets a
//! copy, written and synced like the newest.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

use super::{SCHEMA, Snapshot};

/// Name of the newest snapshot in its folder.
pub const NEWEST: &str = "snapshot.json";
const HISTORY: &str = "history";
const TEMPORARY: &str = ".snapshot.json.new";
const LOCK: &str = ".lock";

/// A folder of snapshots that this process alone writes.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    keep: usize,
    last_sequence: u64,
    _lock: File,
}

impl Store {
    /// Opens the folder, makes it if need be, and keeps others from writing to it. `keep` snapshots stay in history/.
    ///
    /// # Errors
    /// When it cannot be written, or another process writes there.
    pub fn open(folder: &Path, keep: usize) -> anyhow::Result<Self> {
        make_folders(folder, keep)?;
        let history = folder.join(HISTORY);
        let path = folder.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot write to {}; name another folder with --out", folder.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("another honeyxdp writes to {}; give this one a folder of its own with --out", folder.display())
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        let last_sequence = numbers(&history)
            .with_context(|| format!("cannot read {}", history.display()))?
            .into_iter()
            .chain(read(folder).map(|snapshot| snapshot.sequence))
            .max()
            .unwrap_or(0);
        Ok(Self { folder: folder.to_owned(), keep, last_sequence, _lock: lock })
    }

    /// Number of the newest snapshot that was found in the folder when it was opened; 0 in a new one.
    pub const fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Path of the newest snapshot.
    pub fn newest(&self) -> PathBuf {
        self.folder.join(NEWEST)
    }

    /// The last snapshot that was written before the folder was opened. It may be in the history alone: that is written first.
    ///
    /// # Errors
    /// When there is none, or it is not one.
    pub fn last(&self) -> anyhow::Result<Snapshot> {
        match fs::read(self.folder.join(HISTORY).join(history_name(self.last_sequence))) {
            Ok(json) => Ok(serde_json::from_slice(&json)?),
            Err(_) => read(&self.folder),
        }
    }

    /// Stores a snapshot as the newest, and in the history.
    ///
    /// # Errors
    /// When it could not be stored; then the newest is the one before.
    pub fn write(&self, snapshot: &Snapshot) -> anyhow::Result<()> {
        let mut json = serde_json::to_vec(snapshot)?;
        json.push(b'\n');
        // Somebody may have tidied up: a folder that is gone is made again.
        make_folders(&self.folder, self.keep)?;
        let temporary = self.folder.join(TEMPORARY);
        let result = self.replace(&temporary, snapshot.sequence, &json);
        if result.is_err() {
            // A full disk is not helped by half a file. If this fails too, the next write truncates it.
            let _ = fs::remove_file(&temporary);
        }
        result?;
        self.prune().context("cannot remove old snapshots from history/")
    }

    /// Writes by way of a file beside the newest.
    fn replace(&self, temporary: &Path, sequence: u64, json: &[u8]) -> anyhow::Result<()> {
        let newest = self.newest();
        write_synced(temporary, json).with_context(|| format!("cannot write {}", newest.display()))?;
        if self.keep > 0 {
            let entry = self.folder.join(HISTORY).join(history_name(sequence));
            link(temporary, &entry)
                .or_else(|error| if is_without_links(&error) { copy_whole(&entry, json) } else { Err(error) })
                .with_context(|| format!("cannot write {}", entry.display()))?;
        }
        fs::rename(temporary, &newest)
            .and_then(|()| File::open(&self.folder)?.sync_all())
            .with_context(|| format!("cannot write {}", newest.display()))
    }

    /// By number and not by time, so that a clock that was set back makes no snapshot look old.
    fn prune(&self) -> io::Result<()> {
        let history = self.folder.join(HISTORY);
        let mut numbers = numbers(&history)?;
        numbers.sort_unstable();
        for number in numbers.iter().take(numbers.len().saturating_sub(self.keep)) {
            fs::remove_file(history.join(history_name(*number)))?;
        }
        Ok(())
    }
}

/// Makes the folder, and its history if any snapshot is to stay in it.
fn make_folders(folder: &Path, keep: usize) -> anyhow::Result<()> {
    let folder = if keep > 0 { folder.join(HISTORY) } else { folder.to_owned() };
    fs::create_dir_all(&folder).with_context(|| {
        format!("cannot make the folder {} for snapshots; name another one with --out", folder.display())
    })
}

/// Whether another process has the folder open.
pub fn in_use(folder: &Path) -> bool {
    let lock = File::open(folder.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Writes a file that has no reader yet, to the disk.
fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives a file a second name, in place of what has that name: a snapshot that got no further than the history is tried
/// again under its number.
fn link(file: &Path, name: &Path) -> io::Result<()> {
    match fs::hard_link(file, name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(name)?;
            fs::hard_link(file, name)
        }
        other => other,
    }
}

/// Whether a hard link failed because there can be none: link(2) has EPERM for file systems without them, and network and
/// user-space file systems say it in their own ways.
fn is_without_links(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), CrossesDevices | PermissionDenied | TooManyLinks | Unsupported)
        || error.raw_os_error() == Some(libc::ENOSYS)
}

/// Writes a file so that a reader finds none or a whole one, also after a crash.
fn copy_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_file_name(TEMPORARY);
    let result = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // If this fails too, the next write truncates it.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Ten digits, so that names sort like numbers.
fn history_name(sequence: u64) -> String {
    format!("{sequence:010}.json")
}

/// Numbers of the snapshots in a history folder; other files are left alone.
fn numbers(history: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    let entries = match fs::read_dir(history) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        other => other?,
    };
    for entry in entries {
        let name = entry?.file_name();
        numbers.extend(
            name.to_str().and_then(|name| name.strip_suffix(".json")).and_then(|stem| stem.parse::<u64>().ok()),
        );
    }
    Ok(numbers)
}

/// The newest snapshot of a folder.
///
/// # Errors
/// When there is none, or it is not one.
pub fn read(folder: &Path) -> anyhow::Result<Snapshot> {
    let path = folder.join(NEWEST);
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound && in_use(folder) => {
            bail!(
                "a sensor writes to {} and has just begun; its first snapshot comes with its first interval",
                folder.display()
            )
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!(
                "there is no snapshot in {}; start the sensor with `honeyxdp run --out {0}`, or name its folder with --out",
                folder.display()
            )
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let snapshot: Snapshot =
        serde_json::from_slice(&json).with_context(|| format!("{} is not a snapshot of honeyxdp", path.display()))?;
    if snapshot.schema != SCHEMA {
        bail!("{} has schema {:?}, and this version reads {SCHEMA}", path.display(), snapshot.schema);
    }
    Ok(snapshot)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        os::unix::fs::MetadataExt as _,
        time::Duration,
    };

    use jiff::Timestamp;

    use super::*;
    use crate::{
        Counts,
        snapshot::{Recorder, Run, Sensor, Span},
        sources::{Observer, Settings},
    };

    fn snapshot(sequence: u64) -> Snapshot {
        let now = Timestamp::UNIX_EPOCH;
        let run = Run {
            sensor: Sensor::of_this_machine(None),
            interfaces: Vec::new(),
            started_at: now,
            filters: BTreeMap::new(),
        };
        let sources = Observer::new(&Settings::default(), now);
        let recorder = Recorder::new(run, sequence - 1);
        recorder.snapshot(&Counts::default(), &sources, Span { start: now, end: now, length: Duration::ZERO })
    }

    #[test]
    fn what_is_written_is_read_back_and_the_history_keeps_the_last_ones() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), 3).unwrap();
        for sequence in 1..=5 {
            store.write(&snapshot(sequence)).unwrap();
        }
        assert_eq!(read(folder.path()).unwrap(), snapshot(5));
        let mut kept = numbers(&folder.path().join(HISTORY)).unwrap();
        kept.sort_unstable();
        assert_eq!(kept, [3, 4, 5]);
    }

    #[test]
    fn the_newest_is_written_once_and_has_two_names() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), 3).unwrap();
        let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
        let entry = |sequence| folder.path().join(HISTORY).join(history_name(sequence));
        store.write(&snapshot(1)).unwrap();
        let first = inode(entry(1));
        assert_eq!(first, inode(store.newest()));
        store.write(&snapshot(2)).unwrap();
        assert_eq!(inode(entry(2)), inode(store.newest()));
        assert_eq!(inode(entry(1)), first, "the older one stays");
        assert!(!folder.path().join(TEMPORARY).exists());
    }

    #[test]
    fn a_number_that_got_no_further_than_the_history_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), 3).unwrap();
        let entry = folder.path().join(HISTORY).join(history_name(1));
        fs::write(&entry, "old").unwrap();
        store.write(&snapshot(1)).unwrap();
        assert_eq!(fs::read(&entry).unwrap(), fs::read(store.newest()).unwrap());
    }

    #[test]
    fn without_hard_links_the_history_gets_a_copy() {
        // Another file system: no file of it can be linked from here.
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
        std::os::unix::fs::symlink(other.path(), folder.path().join(HISTORY)).unwrap();
        let store = Store::open(folder.path(), 2).unwrap();
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
    fn the_sequence_goes_on_in_a_folder_that_was_used_before() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), 3).unwrap();
        assert_eq!(store.last_sequence(), 0);
        store.write(&snapshot(7)).unwrap();
        drop(store);
        assert_eq!(Store::open(folder.path(), 3).unwrap().last_sequence(), 7);
    }

    #[test]
    fn a_broken_newest_snapshot_does_not_stop_the_sensor_and_its_number_is_found_in_the_history() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), 3).unwrap();
        store.write(&snapshot(7)).unwrap();
        drop(store);
        fs::write(folder.path().join(NEWEST), b"{\"schema\":\"hon").unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("is not a snapshot"));
        assert_eq!(Store::open(folder.path(), 3).unwrap().last_sequence(), 7);
    }

    #[test]
    fn two_writers_in_one_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = Store::open(folder.path(), 3).unwrap();
        let error = Store::open(folder.path(), 3).unwrap_err().to_string();
        assert!(error.contains("another honeyxdp writes to"), "{error}");
        drop(first);
        Store::open(folder.path(), 3).unwrap();
    }

    #[test]
    fn a_folder_that_was_removed_is_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("out");
        let store = Store::open(&folder, 3).unwrap();
        store.write(&snapshot(1)).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        store.write(&snapshot(2)).unwrap();
        assert_eq!(read(&folder).unwrap(), snapshot(2));
    }

    #[test]
    fn a_sensor_that_has_not_written_yet_is_told_from_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("there is no snapshot"));
        let store = Store::open(folder.path(), 3).unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("has just begun"));
        drop(store);
        assert!(read(folder.path()).unwrap_err().to_string().contains("there is no snapshot"));
    }

    #[test]
    fn other_files_in_the_history_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), 1).unwrap();
        let note = folder.path().join(HISTORY).join("note.json");
        fs::write(&note, "mine").unwrap();
        store.write(&snapshot(1)).unwrap();
        store.write(&snapshot(2)).unwrap();
        assert!(note.exists());
    }
}
