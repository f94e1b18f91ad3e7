//! The folders of an archive, and which files in them count.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::{Error, Name, Result, Table};

/// An archive's folder.
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
    pub name: Name,
    /// Where it is.
    pub path: PathBuf,
    /// Bytes.
    pub bytes: u64,
    /// The name of the file that stands in for it: it was merged into that one, and is to be read by nobody.
    pub superseded_by: Option<Name>,
}

impl Archive {
    /// The archive in this folder, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Folder of a table's rows of one date.
    pub fn folder(&self, table: Table, date: Date) -> PathBuf {
        self.root.join(table.folder()).join(format!("date={date}"))
    }

    /// The dates of a table, ascending.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn dates(&self, table: Table) -> Result<Vec<Date>> {
        let folder = self.root.join(table.folder());
        let mut dates: Vec<Date> =
            names(&folder)?.iter().filter_map(|name| name.strip_prefix("date=")?.parse().ok()).collect();
        dates.sort_unstable();
        Ok(dates)
    }

    /// All files of a table and date by name, those too that another one stands in for.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn all_files(&self, table: Table, date: Date) -> Result<Vec<Entry>> {
        let folder = self.folder(table, date);
        let mut names: Vec<Name> = names(&folder)?.iter().filter_map(|name| name.parse().ok()).collect();
        names.sort();
        let mut entries = Vec::with_capacity(names.len());
        // Those that could stand in for others are few.
        let merged: Vec<&Name> = names.iter().filter(|name| name.level > 0).collect();
        for name in &names {
            let path = folder.join(name.to_string());
            let bytes = match fs::metadata(&path) {
                Ok(metadata) => metadata.len(),
                // It was merged meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io(&path)(error)),
            };
            let superseded_by = merged.iter().find(|other| other.stands_in_for(name)).map(|&name| name.clone());
            entries.push(Entry { table, date, name: name.clone(), path, bytes, superseded_by });
        }
        Ok(entries)
    }

    /// The files of a table and date that count.
    ///
    /// # Errors
    /// When the folder cannot be read.
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

/// Names in a folder; none in one that is not there.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io(folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(Error::io(folder))?.file_name().into_string());
    }
    Ok(names)
}
