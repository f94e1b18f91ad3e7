//! Bringing an archive from object storage into a directory, where everything that reads directories can read it.

use std::{fs, io, path::Path};

use anyhow::{Context as _, bail, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use honeyxdp_archive::{Archive, Table, release};
use jiff::civil::Date;
use object_store::{Error, ObjectStoreExt as _};
use tokio::{fs::File, io::AsyncWriteExt as _};

use crate::{Object, Place};

/// Files on their way at a time.
const AT_A_TIME: usize = 16;
/// How often a date is listed whose files are merged meanwhile.
const MOST_LISTINGS: usize = 10;

/// What is fetched.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// These tables.
    pub tables: &'a [Table],
    /// Dates from this one on.
    pub from: Option<Date>,
    /// Dates up to this one.
    pub to: Option<Date>,
}

/// What was fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Files that came.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were in the directory already.
    pub known: u64,
    /// Files in the directory that were removed, because others that came stand in for them.
    pub merged: u64,
}

/// Brings the files that count into a directory. What is there already is not brought again. `progress` is told how many of how many
/// files of a date came.
///
/// # Errors
/// When the place cannot be read, or the directory cannot be written. A file is whole from the moment it has its name.
pub async fn fetch(
    place: &Place,
    directory: &Path,
    wanted: Wanted<'_>,
    progress: &dyn Fn(Date, u64, u64),
) -> anyhow::Result<Fetched> {
    let archive = Archive::new(directory);
    let mut done = Fetched::default();
    for &table in wanted.tables {
        let mut dates = place.dates(table).await?;
        dates.retain(|date| wanted.from.is_none_or(|from| *date >= from) && wanted.to.is_none_or(|to| *date <= to));
        for date in dates {
            date_of(place, &archive, table, date, &mut done, progress).await?;
        }
    }
    Ok(done)
}

async fn date_of(
    place: &Place,
    archive: &Archive,
    table: Table,
    date: Date,
    done: &mut Fetched,
    progress: &dyn Fn(Date, u64, u64),
) -> anyhow::Result<()> {
    let directory = archive.directory(table, date);
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for _ in 0..MOST_LISTINGS {
        let here: std::collections::BTreeMap<_, _> =
            archive.all_files(table, date)?.into_iter().map(|file| (file.name, file.bytes)).collect();
        let files = place.files(table, date).await?;
        let (known, missing): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| here.get(&file.name) == Some(&file.bytes));
        let of = missing.len() as u64;
        let mut came = 0;
        let mut bring =
            stream::iter(missing.iter().map(|file| bring(place, file, &directory))).buffer_unordered(AT_A_TIME);
        let mut is_gone = false;
        while let Some(bytes) = bring.try_next().await? {
            let Some(bytes) = bytes else {
                is_gone = true;
                continue;
            };
            came += 1;
            done.bytes += bytes;
            progress(date, came, of);
        }
        done.files += came;
        if !is_gone {
            done.known += known.len() as u64;
            let mut merged = archive.all_files(table, date)?;
            merged.retain(|file| file.superseded_by.is_some());
            done.merged += if merged.is_empty() { 0 } else { release(archive, &merged)? };
            return Ok(());
        }
    }
    bail!("the files of {date} in {place} are merged faster than they can be fetched");
}

/// Brings one file, and returns its bytes, or nothing if it was merged into another one.
async fn bring(place: &Place, file: &Object, directory: &Path) -> anyhow::Result<Option<u64>> {
    let url = place.url_of(&file.location);
    let cannot = || format!("cannot fetch {url}");
    let mut pieces = match place.store().get(&file.location).await {
        Err(Error::NotFound { .. }) => return Ok(None),
        found => found.with_context(cannot)?.into_stream(),
    };
    let path = directory.join(file.name.to_string());
    let beside = directory.join(format!(".{}.fetched.tmp", file.name));
    let write = |error: io::Error| anyhow::Error::new(error).context(format!("cannot write {}", path.display()));
    let mut to = File::create(&beside).await.map_err(write)?;
    let mut bytes = 0;
    while let Some(piece) = pieces.try_next().await.with_context(cannot)? {
        bytes += piece.len() as u64;
        to.write_all(&piece).await.map_err(write)?;
    }
    ensure!(bytes == file.bytes, "{url} has {bytes} bytes, and should have {}", file.bytes);
    to.sync_all().await.map_err(write)?;
    fs::rename(&beside, &path).map_err(write)?;
    Ok(Some(bytes))
}
