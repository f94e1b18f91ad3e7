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

/// Name of the newest snapshot in its directory.
pub const NEWEST: &str = "snapshot.json";
const HISTORY: &str = "history";
const TEMPORARY: &str = ".snapshot.json.new";
const LOCK: &str = ".lock";

/// A directory of snapshots that this process alone writes.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    keep: usize,
    last_sequence: u64,
    _lock: File,
}

impl Store {
    /// Opens the directory, makes it if need be, and keeps others from writing to it. `keep` snapshots stay in history/.
    ///
    /// # Errors
    /// When it cannot be written, or another process writes there.
    pub fn open(directory: &Path, keep: usize) -> anyhow::Result<Self> {
        make_directories(directory, keep)?;
        let history = directory.join(HISTORY);
        let path = directory.join(LOCK);
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).with_context(|| {
                format!("cannot write to {}; name another directory with --out", directory.display())
            })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another honeyxdp writes to {}; give this one a directory of its own with --out",
                    directory.display()
                )
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        let last_sequence = numbers(&history)
            .with_context(|| format!("cannot read {}", history.display()))?
            .into_iter()
            .chain(read(directory).map(|snapshot| snapshot.sequence))
            .max()
            .unwrap_or(0);
        Ok(Self { directory: directory.to_owned(), keep, last_sequence, _lock: lock })
    }

    /// Number of the newest snapshot that was found in the directory when it was opened; 0 in a new one.
    pub const fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Path of the newest snapshot.
    pub fn newest(&self) -> PathBuf {
        self.directory.join(NEWEST)
    }

    /// The last snapshot that was written before the directory was opened. It may be in the history alone: that is written first.
    /// One that cannot be read is said and passed over: whoever goes on with an older one has its counts once more.
    ///
    /// # Errors
    /// When there is none that can be read.
    pub fn last(&self) -> anyhow::Result<Snapshot> {
        let history = self.directory.join(HISTORY);
        let mut numbers = numbers(&history).unwrap_or_default();
        numbers.sort_unstable();
        let newest = read(&self.directory);
        let number = newest.as_ref().map_or(0, |newest| newest.sequence);
        let mut passed_over = 0;
        for number in numbers.into_iter().rev().take_while(|&entry| entry > number) {
            let path = history.join(history_name(number));
            match parse(&path) {
                Ok(snapshot) => return Ok(snapshot),
                Err(error) if passed_over < 3 => tracing::warn!("{error:#}: passed over"),
                Err(_) => {}
            }
            passed_over += 1;
            if passed_over == 4 {
                tracing::warn!("more of {} cannot be read, and is passed over", history.display());
            }
        }
        newest
    }

    /// Stores a snapshot as the newest, and in the history.
    ///
    /// # Errors
    /// When it could not be stored; then the newest is the one before.
    pub fn write(&self, snapshot: &Snapshot) -> anyhow::Result<()> {
        let mut json = serde_json::to_vec(snapshot)?;
        json.push(b'\n');
        // Somebody may have tidied up: a directory that is gone is made again.
        make_directories(&self.directory, self.keep)?;
        let temporary = self.directory.join(TEMPORARY);
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
        // One that a kill left may have its name in the history already: to write into it would be to write over that entry.
        remove(temporary).with_context(|| format!("cannot remove {}", temporary.display()))?;
        write_synced(temporary, json).with_context(|| format!("cannot write {}", newest.display()))?;
        if self.keep > 0 {
            let entry = self.directory.join(HISTORY).join(history_name(sequence));
            link(temporary, &entry)
                .or_else(|error| if is_without_links(&error) { copy_whole(&entry, json) } else { Err(error) })
                .with_context(|| format!("cannot write {}", entry.display()))?;
        }
        fs::rename(temporary, &newest)
            .and_then(|()| File::open(&self.directory)?.sync_all())
            .with_context(|| format!("cannot write {}", newest.display()))
    }

    /// By number and not by time, so that a clock that was set back makes no snapshot look old.
    fn prune(&self) -> io::Result<()> {
        let history = self.directory.join(HISTORY);
        let mut numbers = numbers(&history)?;
        numbers.sort_unstable();
        for number in numbers.iter().take(numbers.len().saturating_sub(self.keep)) {
            fs::remove_file(history.join(history_name(*number)))?;
        }
        Ok(())
    }
}

/// Makes the directory, and its history if any snapshot is to stay in it.
fn make_directories(directory: &Path, keep: usize) -> anyhow::Result<()> {
    let directory = if keep > 0 { directory.join(HISTORY) } else { directory.to_owned() };
    fs::create_dir_all(&directory).with_context(|| {
        format!("cannot make the directory {} for snapshots; name another one with --out", directory.display())
    })
}

/// Whether another process has the directory open.
pub fn in_use(directory: &Path) -> bool {
    let lock = File::open(directory.join(LOCK));
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

/// Removes a file that need not be there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
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

/// Numbers of the snapshots in a history directory; other files are left alone.
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

/// The newest snapshot of a directory.
///
/// # Errors
/// When there is none, or it is not one.
pub fn read(directory: &Path) -> anyhow::Result<Snapshot> {
    let path = directory.join(NEWEST);
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound && in_use(directory) => {
            bail!(
                "a sensor writes to {} and has just begun; its first snapshot comes with its first interval",
                directory.display()
            )
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!(
                "there is no snapshot in {}; start the sensor with `honeyxdp run --out {0}`, or name its directory with --out",
                directory.display()
            )
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    parse_json(&path, &json)
}

/// The snapshot in a file.
fn parse(path: &Path) -> anyhow::Result<Snapshot> {
    let json = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse_json(path, &json)
}

fn parse_json(path: &Path, json: &[u8]) -> anyhow::Result<Snapshot> {
    let snapshot: Snapshot =
        serde_json::from_slice(json).with_context(|| format!("{} is not a snapshot of honeyxdp", path.display()))?;
    if snapshot.schema != SCHEMA {
        bail!("{} has schema {:?}, and this version reads {SCHEMA}", path.display(), snapshot.schema);
    }
    Ok(snapshot)
}

#[cfg(test)]
mod tests;
