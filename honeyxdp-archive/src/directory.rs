//! The directories of an archive, and which files in them count.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::{Error, FileName, Result, Table, convert::has_losses};

/// Maximum readings of a directory until two of them agree. A sensor adds a file every few seconds, compaction takes some away.
const MOST_READINGS: usize = 1000;

/// An archive's directory.
#[derive(Clone, Debug)]
pub struct Archive {
    root: PathBuf,
}

/// A file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which table it belongs to.
    pub table: Table,
    /// UTC date of its rows.
    pub date: Date,
    /// What its name says.
    pub name: FileName,
    /// Where it is.
    pub path: PathBuf,
    /// Bytes.
    pub bytes: u64,
    /// The name of the file that stands in for it: it was merged into that one, and is to be read by nobody.
    pub superseded_by: Option<FileName>,
}

impl Archive {
    /// The archive in this directory, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Directory of a table's rows of one date.
    pub fn directory(&self, table: Table, date: Date) -> PathBuf {
        self.root.join(table.directory()).join(format!("date={date}"))
    }

    /// The dates of a table, ascending.
    ///
    /// # Errors
    /// Returns an error if the directory exists and cannot be read, or the archive was written by honeyxdp 0.1.0.
    pub fn dates(&self, table: Table) -> Result<Vec<Date>> {
        if has_losses(&self.root)? {
            return Err(Error::outdated(&self.root, &self.root));
        }
        let directory = self.root.join(table.directory());
        let mut dates: Vec<Date> =
            names(&directory)?.iter().filter_map(|name| name.strip_prefix("date=")?.parse().ok()).collect();
        dates.sort_unstable();
        Ok(dates)
    }

    /// All files of a table and date by name, those too that another one stands in for, as they were at one moment.
    ///
    /// # Errors
    /// When the directory cannot be read, or does not come to rest.
    pub fn all_files(&self, table: Table, date: Date) -> Result<Vec<Entry>> {
        let directory = self.directory(table, date);
        // A directory that is read while files are merged can show neither the merged file nor those that it stands in for. No
        // name ever comes back, so what two readings in a row agree on was there between them.
        let mut names = file_names(&directory)?;
        for _ in 0..MOST_READINGS {
            let entries = self.entries(table, date, &names);
            let again = file_names(&directory)?;
            if again == names {
                return entries;
            }
            names = again;
        }
        Err(Error::wrong(&directory, "its files change faster than they can be listed"))
    }

    fn entries(&self, table: Table, date: Date, names: &[FileName]) -> Result<Vec<Entry>> {
        let directory = self.directory(table, date);
        let mut entries = Vec::with_capacity(names.len());
        for (name, superseded_by) in names.iter().zip(FileName::stand_ins(names.iter())) {
            let path = directory.join(name.to_string());
            let bytes = fs::metadata(&path).map_err(Error::io(&path))?.len();
            entries.push(Entry { table, date, name: name.clone(), path, bytes, superseded_by });
        }
        Ok(entries)
    }

    /// The files of a table and date that count.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn files(&self, table: Table, date: Date) -> Result<Vec<Entry>> {
        let mut files = self.all_files(table, date)?;
        files.retain(|file| file.superseded_by.is_none());
        Ok(files)
    }
}

/// UTC date of a time in milliseconds since the Unix epoch. Times out of range are those of the epoch.
pub(crate) fn date_of(milliseconds: i64) -> Date {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(TimeZone::UTC).date()
}

/// Names of an archive's files in a directory, in order.
fn file_names(directory: &Path) -> Result<Vec<FileName>> {
    let mut names: Vec<FileName> = names(directory)?.iter().filter_map(|name| name.parse().ok()).collect();
    names.sort();
    Ok(names)
}

/// Names in a directory; none in one that is not there.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io(directory))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(Error::io(directory))?.file_name().into_string());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_outdated_is_an_error_and_not_a_shorter_list() {
        let root = tempfile::tempdir().unwrap();
        let archive = Archive::new(root.path());
        let date = Date::constant(2019, 11, 5);
        let directory = archive.directory(Table::Flows, date);
        let path =
            |first, last, level| directory.join(FileName { sensor: "test".to_owned(), first, last, level }.to_string());
        fs::create_dir_all(&directory).unwrap();
        fs::write(path(1, 1, 0), "1").unwrap();
        fs::write(path(2, 2, 0), "2").unwrap();
        let names = file_names(&directory).unwrap();
        assert_eq!(archive.entries(Table::Flows, date, &names).unwrap().len(), 2);
        // Somebody merges them.
        fs::write(path(1, 2, 1), "12").unwrap();
        fs::remove_file(path(1, 1, 0)).unwrap();
        assert!(archive.entries(Table::Flows, date, &names).is_err());
        let files = archive.files(Table::Flows, date).unwrap();
        assert_eq!(files.iter().map(|file| file.path.clone()).collect::<Vec<_>>(), [path(1, 2, 1)]);
    }
}
