//! The files of an archive that count, in a directory or on object storage.

use std::{
    collections::HashSet,
    fs,
    hash::{Hash as _, Hasher},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, anyhow, bail};
use honeyxdp_archive::Table;
use honeyxdp_fleet::{Object, Place};
use jiff::civil::Date;
use tokio::runtime::Runtime;
use url::Url;

use crate::{flows, period::Period};

/// How often files are read that go away meanwhile. Those of an hour are merged once, and of a day once more.
const MOST_READINGS: usize = 10;

/// The files of an archive that count.
#[derive(Debug)]
pub(super) struct Files {
    archive: Archive,
    span: Period,
}

#[derive(Debug)]
enum Archive {
    Directory(honeyxdp_archive::Archive),
    Place(Place, Arc<Runtime>),
}

/// A file with rows.
#[derive(Clone, Debug)]
pub(super) struct File {
    url: Url,
    at: At,
}

#[derive(Clone, Debug)]
enum At {
    Directory(PathBuf),
    Place(Object),
}

impl File {
    /// Its whole name.
    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// Changes when another file has its name.
    ///
    /// # Errors
    /// When it went away.
    pub(super) fn stamp(&self, hasher: &mut impl Hasher) -> anyhow::Result<()> {
        match &self.at {
            At::Directory(file) => {
                let about = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
                (file.file_name(), about.len(), about.mtime(), about.mtime_nsec()).hash(hasher);
            }
            At::Place(object) => {
                (object.location.filename(), object.bytes, object.modified, &object.etag).hash(hasher);
            }
        }
        Ok(())
    }
}

impl Files {
    /// Those in this directory, or in the place that it is a URL of.
    pub(super) fn open(archive: &Path, runtime: &Arc<Runtime>) -> anyhow::Result<Self> {
        let (archive, dates) = match archive.to_str().filter(|text| text.contains("://")) {
            Some(url) => {
                let place = Place::open(url)?;
                let dates = runtime.block_on(dates_in(&place))?;
                (Archive::Place(place, Arc::clone(runtime)), dates)
            }
            None => (Archive::Directory(honeyxdp_archive::Archive::new(archive)), dates_of(archive)?),
        };
        let (Some(&first), Some(&last)) = (dates.iter().min(), dates.iter().max()) else {
            bail!("the archive in {archive} has no rows yet: wait until its sensor has written some");
        };
        Ok(Self { archive, span: Period { first, last } })
    }

    /// Those of some dates in UTC. What was merged into another file is not among them.
    pub(super) fn of(&self, table: Table, dates: &[Date]) -> anyhow::Result<Vec<File>> {
        let mut files = Vec::new();
        for &date in dates {
            match &self.archive {
                Archive::Directory(archive) => {
                    for file in archive.files(table, date)? {
                        files.push(File { url: url_of(&file.path)?, at: At::Directory(file.path) });
                    }
                }
                Archive::Place(place, runtime) => {
                    let objects = runtime.block_on(place.files(table, date))?;
                    let file = |object: Object| File { url: place.url_of(&object.location), at: At::Place(object) };
                    files.extend(objects.into_iter().map(file));
                }
            }
        }
        Ok(files)
    }

    /// Reads those of some dates, and again when files were merged or removed meanwhile, as a sensor does with its own: `read` is
    /// told which there are, and what it made of files that went away does not count.
    pub(super) fn read<T>(
        &self,
        table: Table,
        dates: &[Date],
        mut read: impl FnMut(&[File]) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        for _ in 0..MOST_READINGS {
            let files = self.of(table, dates)?;
            let made = read(&files);
            // A file that is gone never comes back, and none is written twice: what is there now was there all the time.
            if self.are_there(table, dates, &files)? {
                return made;
            }
        }
        bail!("the archive's files are merged or removed faster than they can be read");
    }

    fn are_there(&self, table: Table, dates: &[Date], files: &[File]) -> anyhow::Result<bool> {
        let mut there = HashSet::new();
        if let Archive::Place(place, runtime) = &self.archive
            && !files.is_empty()
        {
            for &date in dates {
                there.extend(runtime.block_on(place.all_files(table, date))?.into_iter().map(|object| object.location));
            }
        }
        Ok(files.iter().all(|file| match &file.at {
            At::Directory(path) => path.exists(),
            At::Place(object) => there.contains(&object.location),
        }))
    }

    /// The first and the last date in UTC that there are rows of.
    pub(super) const fn span(&self) -> Period {
        self.span
    }
}

impl std::fmt::Display for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(archive) => write!(f, "{}", archive.root().display()),
            Self::Place(place, _) => write!(f, "{place}"),
        }
    }
}

/// The URL of a file on this machine.
pub(super) fn url_of(file: &Path) -> anyhow::Result<Url> {
    let file = std::path::absolute(file)?;
    Url::from_file_path(&file).map_err(|()| anyhow!("{} is no path to a file", file.display()))
}

/// Dates of a directory, among them the first and the last one with rows.
fn dates_of(directory: &Path) -> anyhow::Result<Vec<Date>> {
    let flows = flows::FlowArchive::open(directory, None)?.period();
    let archive = honeyxdp_archive::Archive::new(directory);
    let mut dates: Vec<Date> = flows.into_iter().flat_map(|Period { first, last }| [first, last]).collect();
    for date in archive.dates(Table::Payloads)? {
        if !archive.files(Table::Payloads, date)?.is_empty() {
            dates.push(date);
        }
    }
    Ok(dates)
}

/// The first and the last date with rows of a place's tables.
async fn dates_in(place: &Place) -> anyhow::Result<Vec<Date>> {
    let mut found = Vec::new();
    let mut is_archive = false;
    for table in [Table::Flows, Table::Payloads] {
        let dates = place.dates(table).await?;
        is_archive |= !dates.is_empty();
        found.extend(first_with_rows(place, table, dates.iter()).await?);
        found.extend(first_with_rows(place, table, dates.iter().rev()).await?);
    }
    if !is_archive {
        bail!("{place} is no archive: name the place that holds `flows`, as in `honeyxdp fleet upload`");
    }
    Ok(found)
}

async fn first_with_rows(
    place: &Place,
    table: Table,
    dates: impl Iterator<Item = &Date>,
) -> anyhow::Result<Option<Date>> {
    for &date in dates {
        if !place.files(table, date).await?.is_empty() {
            return Ok(Some(date));
        }
    }
    Ok(None)
}
