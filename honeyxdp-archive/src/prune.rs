//! Retention: whole dates go, the oldest first.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use crate::{Archive, Entry, Result, Table, lock, release::remove};

/// CaptureMode much is kept. The present date always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Dates that ended longer ago than this go.
    pub age: Option<SignedDuration>,
    /// The oldest dates go until all files together have at most so many bytes.
    pub bytes: Option<u64>,
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Dates that are gone.
    pub dates: Vec<Date>,
    /// Their files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that are left.
    pub left: u64,
}

/// Removes what is not to be kept.
///
/// # Errors
/// When a file cannot be removed, or somebody else merges or removes.
pub fn prune(archive: &Archive, retention: &Retention, now: Timestamp) -> Result<Pruned> {
    let _lock = lock::maintenance(archive.root())?;
    let today = now.to_zoned(TimeZone::UTC).date();
    let mut dates: Vec<Date> =
        Table::ALL.into_iter().map(|table| archive.dates(table)).collect::<Result<Vec<_>>>()?.concat();
    dates.sort_unstable();
    dates.dedup();
    let mut files: Vec<(Date, Vec<Entry>)> = Vec::new();
    for date in dates {
        let all = Table::ALL.into_iter().map(|table| archive.all_files(table, date)).collect::<Result<Vec<_>>>()?;
        files.push((date, all.concat()));
    }
    let bytes = |files: &[Entry]| files.iter().map(|file| file.bytes).sum::<u64>();
    let mut done = Pruned { left: files.iter().map(|(_, files)| bytes(files)).sum(), ..Pruned::default() };
    for (date, files) in files {
        let old = retention.age.is_some_and(|age| end_of(date).is_some_and(|end| now.duration_since(end) > age));
        let large = retention.bytes.is_some_and(|most| done.left > most);
        if date >= today || !(old || large) {
            continue;
        }
        remove(archive, &files)?;
        done.dates.push(date);
        done.files += files.len() as u64;
        done.bytes += bytes(&files);
        done.left -= bytes(&files);
    }
    Ok(done)
}

fn end_of(date: Date) -> Option<Timestamp> {
    Some(date.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}
