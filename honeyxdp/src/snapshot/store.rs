//! Snapshots on disk: `DIR/snapshot.json` is the newest, `DIR/history/` keeps earlier ones.
//!
//! Each file is written under a temporary name, synced and renamed, the history first. A reader finds the old file or the
//! new one, and no partial file. A crash leaves at most one temporary file in each directory, which the next write
//! replaces. If a write fails, for example on a full disk, the newest snapshot stays as it was and the next write tries
//! again. Counters are cumulative, so no count is lost.
//!
//! The history is compressed and thinned ([`History`]): every snapshot of the last hour, then one per minute for a day. It
//! takes at most 32 MiB: beyond that, the oldest snapshots are removed first.
//!
//! # Bytes written per day
//! A snapshot is at most 128 KiB and its compressed copy about a sixth of it, whatever traffic arrives. At the default
//! interval of 10 seconds that is at most 1.25 GiB a day; a sweep of all ports by five tools makes it about half of that.
//! A card that endures 10 TiB of writes lasts 22 years at the limit. Tests assert the sizes and the sum. A longer
//! `--interval` and `--history-age 0` lower it, and pins add nothing: what a process resumes from is the snapshot itself.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use super::{SCHEMA, Snapshot};

/// Name of the newest snapshot in its directory.
pub const NEWEST: &str = "snapshot.json";
const HISTORY: &str = "history";
const TEMPORARY: &str = ".snapshot.json.new";
const SUFFIX: &str = ".json.gz";
/// Maximum size of a history, bytes.
pub const HISTORY_BYTES: u64 = 32 << 20;
const LOCK: &str = ".lock";

/// Which snapshots stay in history/. It goes by their numbers, so that setting the clock does not age any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Snapshots that are all kept.
    recent: u64,
    /// Age up to which thinned snapshots are kept, in snapshots.
    thinned: u64,
    /// Of so many snapshots, one is kept after thinning.
    every: u64,
}

impl History {
    /// Keeps nothing.
    pub const OFF: Self = Self { recent: 0, thinned: 0, every: 1 };

    /// Keeps every snapshot for `age`, and one per minute up to an age of `minutes`. `interval` is the time between two
    /// snapshots.
    pub fn new(age: Duration, minutes: Duration, interval: Duration) -> Self {
        let count =
            |time: Duration| u64::try_from(time.as_millis().div_ceil(interval.as_millis().max(1))).unwrap_or(u64::MAX);
        Self { recent: count(age), thinned: count(minutes), every: count(Duration::from_mins(1)).max(1) }
    }

    /// Keeps the last `count` snapshots.
    pub const fn recent(count: u64) -> Self {
        Self { recent: count, ..Self::OFF }
    }

    /// Whether it keeps snapshot `number` when `last` is the newest.
    const fn keeps(self, number: u64, last: u64) -> bool {
        let age = last.saturating_sub(number);
        age < self.recent || (age < self.thinned && number.is_multiple_of(self.every))
    }

    const fn is_off(self) -> bool {
        self.recent == 0 && self.thinned == 0
    }
}

/// A directory of snapshots with this process as its only writer.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    history: History,
    last_sequence: u64,
    _lock: File,
}

impl Store {
    /// Opens and locks the directory, and creates it if needed.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be written, or if another process writes to it.
    pub fn open(directory: &Path, history: History) -> anyhow::Result<Self> {
        make_directories(directory, history)?;
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
        let kept = directory.join(HISTORY);
        let last_sequence = numbers(&kept)
            .with_context(|| format!("cannot read {}", kept.display()))?
            .into_iter()
            .chain(read(directory).map(|snapshot| snapshot.sequence))
            .max()
            .unwrap_or(0);
        Ok(Self { directory: directory.to_owned(), history, last_sequence, _lock: lock })
    }

    /// Number of the newest snapshot in the directory when it was opened; 0 if there was none.
    pub const fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Path of the newest snapshot.
    pub fn newest(&self) -> PathBuf {
        self.directory.join(NEWEST)
    }

    /// The last snapshot that was written before the directory was opened. It can be in the history alone, which is
    /// written first. An unreadable snapshot is skipped with a warning; the counts since the one before then recur.
    ///
    /// # Errors
    /// Returns an error if no snapshot can be read.
    pub fn last(&self) -> anyhow::Result<Snapshot> {
        let history = self.directory.join(HISTORY);
        let mut numbers = numbers(&history).unwrap_or_default();
        numbers.sort_unstable();
        let newest = read(&self.directory);
        let number = newest.as_ref().map_or(0, |newest| newest.sequence);
        let mut skipped = 0;
        for number in numbers.into_iter().rev().take_while(|&entry| entry > number) {
            match parse(&history.join(history_name(number))) {
                Ok(snapshot) => return Ok(snapshot),
                Err(error) if skipped < 3 => tracing::warn!("{error:#}: skipped"),
                Err(_) => {}
            }
            skipped += 1;
            if skipped == 4 {
                tracing::warn!("more files of {} cannot be read and are skipped", history.display());
            }
        }
        newest
    }

    /// Stores a snapshot in the history and as the newest.
    ///
    /// # Errors
    /// Returns an error if it cannot be stored; the newest snapshot is then the one before.
    pub fn write(&self, snapshot: &Snapshot) -> anyhow::Result<()> {
        let mut json = serde_json::to_vec(snapshot)?;
        json.push(b'\n');
        // Somebody may have removed the directory.
        make_directories(&self.directory, self.history)?;
        if self.history.keeps(snapshot.sequence, snapshot.sequence) {
            let entry = self.directory.join(HISTORY).join(history_name(snapshot.sequence));
            replace(&entry, &compressed(&json)).with_context(|| format!("cannot write {}", entry.display()))?;
        }
        let newest = self.newest();
        replace(&newest, &json)
            .and_then(|()| File::open(&self.directory)?.sync_all())
            .with_context(|| format!("cannot write {}", newest.display()))?;
        self.prune(snapshot.sequence).context("cannot remove old snapshots from history/")
    }

    /// Removes what the history does not keep, and the oldest beyond its size. The newest stays.
    fn prune(&self, last: u64) -> io::Result<()> {
        let history = self.directory.join(HISTORY);
        let mut numbers = numbers(&history)?;
        numbers.sort_unstable();
        let mut total = 0;
        for number in numbers.into_iter().rev() {
            let path = history.join(history_name(number));
            let bytes = fs::metadata(&path)?.len();
            let keep = self.history.keeps(number, last) && (total + bytes <= HISTORY_BYTES || number == last);
            if keep {
                total += bytes;
            } else {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Creates the directory, and its history if there is to be one.
fn make_directories(directory: &Path, history: History) -> anyhow::Result<()> {
    let directory = if history.is_off() { directory.to_owned() } else { directory.join(HISTORY) };
    fs::create_dir_all(&directory).with_context(|| {
        format!("cannot make the directory {} for snapshots; name another one with --out", directory.display())
    })
}

/// Whether another process has the directory open.
pub fn in_use(directory: &Path) -> bool {
    let lock = File::open(directory.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Replaces a file by way of a temporary one beside it, which is synced before the rename.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_file_name(TEMPORARY);
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    let result = write();
    if result.is_err() {
        // A full disk needs the space. If this fails too, the next write truncates the file.
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::default());
    encoder.write_all(bytes).expect("writing to a vector cannot fail");
    encoder.finish().expect("writing to a vector cannot fail")
}

/// Ten digits, so that names sort like numbers.
fn history_name(sequence: u64) -> String {
    format!("{sequence:010}{SUFFIX}")
}

/// Numbers of the snapshots in a history directory; other files are ignored.
fn numbers(history: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    let entries = match fs::read_dir(history) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        other => other?,
    };
    for entry in entries {
        let name = entry?.file_name();
        numbers
            .extend(name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).and_then(|stem| stem.parse::<u64>().ok()));
    }
    Ok(numbers)
}

/// The snapshots in the history of a directory, in the order of their numbers.
///
/// # Errors
/// Returns an error if the directory or one of them cannot be read, or if a name does not have the number of its snapshot.
pub fn history(directory: &Path) -> anyhow::Result<Vec<Snapshot>> {
    let history = directory.join(HISTORY);
    let mut numbers = numbers(&history).with_context(|| format!("cannot read {}", history.display()))?;
    numbers.sort_unstable();
    numbers.into_iter().map(|number| entry(directory, number)).collect()
}

/// Snapshot `number` in the history of a directory.
///
/// # Errors
/// Returns an error if it is not there, cannot be read, or has another number.
pub fn entry(directory: &Path, number: u64) -> anyhow::Result<Snapshot> {
    let path = directory.join(HISTORY).join(history_name(number));
    let snapshot = parse(&path)?;
    anyhow::ensure!(snapshot.sequence == number, "{} has number {}", path.display(), snapshot.sequence);
    Ok(snapshot)
}

/// The newest snapshot of a directory.
///
/// # Errors
/// Returns an error if there is no file, or if it is not a snapshot of this version.
pub fn read(directory: &Path) -> anyhow::Result<Snapshot> {
    let path = directory.join(NEWEST);
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound && in_use(directory) => {
            bail!(
                "a sensor writes to {} and has just started; its first snapshot follows after its first interval",
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

/// The snapshot in a compressed file.
fn parse(path: &Path) -> anyhow::Result<Snapshot> {
    let mut json = Vec::new();
    File::open(path)
        .and_then(|file| GzDecoder::new(file).read_to_end(&mut json))
        .with_context(|| format!("cannot read {}", path.display()))?;
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
