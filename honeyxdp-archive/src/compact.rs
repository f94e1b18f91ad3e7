//! Compaction: many small files become one of an hour, and those one of a day.
//!
//! The order makes it safe to be killed anywhere. The merged file is written beside, synced and renamed: from that moment its
//! name says that it stands in for the others (see [`FileName`]), which are removed afterwards. Killed before the rename, nothing has
//! happened; killed after it, what is left over is passed over by every reader that looks at names, and removed the next time.

use std::{fs, io, path::Path};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::{
    Archive, Entry, Error, FileName, Reader, Result, Table,
    checkpoint::CHECKPOINT_KEY,
    directory::names,
    file::{WholeFile, sync_directory},
    lock,
    name::{DAY, HOUR},
    sorted::merge_sorted,
};

/// Rows in memory, of all runs that are merged at a time.
const BATCH: usize = 1 << 19;
/// Minimum rows read at a time from each run.
const LEAST_BATCH: usize = 1 << 11;
/// Maximum rows of a merged file.
const MOST_ROWS: u64 = 16 << 20;
/// Maximum runs that are merged at a time: each is an open file.
const MOST_RUNS: usize = 256;
const HOUR_MS: u64 = 3_600_000;

/// What compaction does, before and after it does it: for progress, and for tests that kill it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A merged file was begun.
    Begun(FileName),
    /// Its rows are written; it has not got its name yet.
    Written(FileName),
    /// It has its name, and stands in for the others.
    Named(FileName),
    /// One of the others is gone.
    Removed(FileName),
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Files that were merged.
    pub merged: u64,
    /// Files that they became.
    pub into: u64,
    /// Rows in them.
    pub rows: u64,
    /// Files that were left over from a compaction that was killed.
    pub leftovers: u64,
    /// Files that cannot be read, and were left alone.
    pub unreadable: u64,
}

/// Merges the files of hours and dates that are over at `now`, after it has removed what a killed one left over.
///
/// # Errors
/// When a file cannot be read or written, or somebody else is at it. Every row is still there once.
pub fn compact(archive: &Archive, now: Timestamp, mut step: impl FnMut(Step)) -> Result<Compacted> {
    let _lock = lock::maintenance(archive.root())?;
    let today = now.to_zoned(TimeZone::UTC).date();
    let this_hour = u64::try_from(now.as_millisecond()).unwrap_or(0) / HOUR_MS;
    let mut done = Compacted::default();
    for table in Table::ALL {
        for date in archive.dates(table)? {
            done.leftovers += sweep(archive, table, date)?;
            let over = |entry: &Entry| entry.name.level == 0 && entry.name.last / HOUR_MS < this_hour;
            merge_runs(archive, table, date, HOUR, over, |name| name.first / HOUR_MS, &mut done, &mut step)?;
            if date < today {
                let all = |entry: &Entry| entry.name.level < DAY && entry.name.last / HOUR_MS < this_hour;
                merge_runs(archive, table, date, DAY, all, |_| 0, &mut done, &mut step)?;
            }
        }
    }
    Ok(done)
}

/// Removes what a killed compaction left: files that others stand in for, and half written ones.
fn sweep(archive: &Archive, table: Table, date: Date) -> Result<u64> {
    let mut swept = 0;
    let files = archive.all_files(table, date)?;
    for file in &files {
        let Some(by) = &file.superseded_by else {
            continue;
        };
        // The one in its stead must be readable, whatever its name says.
        let stand_in = files.iter().find(|other| other.name == *by);
        if stand_in.is_some_and(|stand_in| Reader::open(stand_in).is_ok()) {
            remove(&file.path)?;
            swept += 1;
        }
    }
    let directory = archive.directory(table, date);
    for name in names(&directory)? {
        let merged = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp")).map(str::parse::<FileName>);
        if merged.is_some_and(|name| name.is_ok_and(|name| name.level > 0)) {
            remove(&directory.join(name))?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// Merges runs of neighbours, by number, of one sensor and one `part`.
#[expect(clippy::too_many_arguments, reason = "it is called twice, with what differs between an hour and a day")]
fn merge_runs(
    archive: &Archive,
    table: Table,
    date: Date,
    level: u8,
    wanted: impl Fn(&Entry) -> bool,
    part: impl Fn(&FileName) -> u64,
    done: &mut Compacted,
    step: &mut impl FnMut(Step),
) -> Result<()> {
    let mut run: Vec<Entry> = Vec::new();
    let (mut rows, mut runs) = (0, 0);
    // By sensor and number. A file that cannot be merged ends a run: the merged file's range must not include it.
    for file in archive.files(table, date)? {
        let size = |reader: Reader| (reader.rows(), reader.number_of_runs());
        let readable = if wanted(&file) { Reader::open(&file).map(size) } else { Ok((0, 0)) };
        done.unreadable += u64::from(readable.is_err());
        let fits =
            readable.as_ref().is_ok_and(|(more, more_runs)| rows + more <= MOST_ROWS && runs + more_runs <= MOST_RUNS)
                && run
                    .last()
                    .is_none_or(|last| last.name.sensor == file.name.sensor && part(&last.name) == part(&file.name));
        if !wanted(&file) || !fits {
            merge(archive, &std::mem::take(&mut run), level, done, step)?;
            (rows, runs) = (0, 0);
        }
        if let (true, Ok((more, more_runs))) = (wanted(&file), readable) {
            rows += more;
            runs += more_runs;
            run.push(file);
        }
    }
    merge(archive, &run, level, done, step)
}

fn merge(archive: &Archive, run: &[Entry], level: u8, done: &mut Compacted, step: &mut impl FnMut(Step)) -> Result<()> {
    let [first, .., last] = run else {
        return Ok(());
    };
    let (table, date) = (first.table, first.date);
    let name = FileName { sensor: first.name.sensor.clone(), first: first.name.first, last: last.name.last, level };
    let path = archive.directory(table, date).join(name.to_string());
    let replaces: Vec<String> = run.iter().map(|entry| entry.name.to_string()).collect();
    let mut footer = vec![("honeyxdp.merged", replaces.join(" "))];
    // The newest that is known: a sensor that starts again goes on from there.
    for entry in run.iter().rev().filter(|_| table == Table::Accounting) {
        if let Some(checkpoint) = Reader::open(entry)?.checkpoint() {
            footer.push((CHECKPOINT_KEY, checkpoint.footer()));
            break;
        }
    }
    let mut readers = Vec::with_capacity(run.len());
    for entry in run {
        readers.push(Reader::open(entry)?);
    }
    let expected = readers.iter().map(Reader::rows).sum::<u64>();
    let batch = (BATCH / readers.iter().map(Reader::number_of_runs).sum::<usize>().max(1)).max(LEAST_BATCH);
    let mut runs = Vec::new();
    for reader in readers {
        runs.extend(reader.runs(batch)?);
    }
    let mut file = WholeFile::begin(&path, table, &footer)?;
    step(Step::Begun(name.clone()));
    let written = merge_sorted(&mut file, runs)?;
    if written != expected {
        return Err(Error::wrong(&path, format!("{expected} rows were to be merged, and {written} were read")));
    }
    step(Step::Written(name.clone()));
    file.finish()?;
    step(Step::Named(name.clone()));
    for entry in run {
        remove(&entry.path)?;
        step(Step::Removed(entry.name.clone()));
    }
    let directory = archive.directory(table, date);
    sync_directory(&directory).map_err(Error::io(&directory))?;
    done.rows += written;
    done.merged += run.len() as u64;
    done.into += 1;
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}
