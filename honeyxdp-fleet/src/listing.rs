//! Which objects of an archive count.

use anyhow::{Context as _, bail};
use futures_util::{StreamExt as _, TryStreamExt as _};
use honeyxdp_archive::{FileName, Table};
use jiff::{Timestamp, civil::Date};
use object_store::{ObjectMeta, path::Path};

use crate::Place;

/// How often a directory is listed until two lists agree.
const MOST_LISTINGS: usize = 20;

/// A file of an archive, wherever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Which table it belongs to.
    pub table: Table,
    /// UTC date of its rows.
    pub date: Date,
    /// What its name says.
    pub name: FileName,
    /// Where it is in the store.
    pub location: Path,
    /// Bytes.
    pub bytes: u64,
    /// When it came there.
    pub modified: Timestamp,
    /// What the store calls this content, if it says.
    pub etag: Option<String>,
    /// The name of the file that stands in for it: it was merged into that one, and is to be read by nobody.
    pub superseded_by: Option<FileName>,
}

impl Place {
    /// Directory of a table's rows of one date.
    pub fn directory(&self, table: Table, date: Date) -> Path {
        self.prefix().clone().join(table.directory()).join(format!("date={date}"))
    }

    /// The dates of a table, ascending.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn dates(&self, table: Table) -> anyhow::Result<Vec<Date>> {
        let directory = self.prefix().clone().join(table.directory());
        let listed = self.store().list_with_delimiter(Some(&directory)).await;
        let listed = listed.with_context(|| format!("cannot list {}", self.url_of(&directory)))?;
        let date = |path: &Path| path.filename()?.strip_prefix("date=")?.parse().ok();
        let mut dates: Vec<Date> = listed.common_prefixes.iter().filter_map(date).collect();
        dates.sort_unstable();
        Ok(dates)
    }

    /// The files of a table and date that count, by name: those that no other one stands in for, as they were at one moment.
    ///
    /// # Errors
    /// When they cannot be listed, or do not come to rest.
    pub async fn files(&self, table: Table, date: Date) -> anyhow::Result<Vec<Object>> {
        let mut files = self.all_files(table, date).await?;
        files.retain(|file| file.superseded_by.is_none());
        Ok(files)
    }

    /// All files of a table and date by name, those too that another one stands in for, as they were at one moment.
    ///
    /// # Errors
    /// As [`Place::files`].
    pub async fn all_files(&self, table: Table, date: Date) -> anyhow::Result<Vec<Object>> {
        // A list comes in pages, and files are merged between two of them. No name ever comes back, so what two lists agree on
        // was there between them.
        let mut listed = self.list(table, date, None).await?;
        for _ in 0..MOST_LISTINGS {
            let again = self.list(table, date, None).await?;
            if again == listed {
                return Ok(judged(again));
            }
            listed = again;
        }
        bail!("the files in {} change faster than they can be listed", self.url_of(&self.directory(table, date)));
    }

    /// The files of a table and date of one sensor, by its name in names of files.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(crate) async fn files_of(&self, table: Table, date: Date, sensor: &str) -> anyhow::Result<Vec<Object>> {
        self.list(table, date, Some(sensor)).await.map(judged)
    }

    async fn list(&self, table: Table, date: Date, sensor: Option<&str>) -> anyhow::Result<Vec<Object>> {
        let directory = self.directory(table, date);
        let cannot = || format!("cannot list {}", self.url_of(&directory));
        // Of many sensors' files those of one are next to each other.
        let begin = sensor.map(|sensor| format!("{sensor}-"));
        let found = match &begin {
            Some(begin) => self.store().list_with_offset(Some(&directory), &directory.clone().join(begin.as_str())),
            None => self.store().list(Some(&directory)),
        };
        let is_over = |found: &ObjectMeta| {
            let name = found.location.filename().unwrap_or_default();
            self.is_sorted() && begin.as_ref().is_some_and(|begin| name > begin.as_str() && !name.starts_with(begin))
        };
        let found = found.try_take_while(|found| std::future::ready(Ok(!is_over(found))));
        let of = |found: ObjectMeta| object(table, date, found);
        let found: Vec<Option<Object>> = found.map_ok(of).boxed().try_collect().await.with_context(cannot)?;
        let mut objects: Vec<Object> = found.into_iter().flatten().collect();
        objects.retain(|object| sensor.is_none_or(|sensor| object.name.sensor == sensor));
        objects.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(objects)
    }
}

/// The file that an object is, if it is one of an archive.
fn object(table: Table, date: Date, found: ObjectMeta) -> Option<Object> {
    let name = found.location.filename()?.parse().ok()?;
    let modified = Timestamp::from_millisecond(found.last_modified.timestamp_millis()).unwrap_or_default();
    let (location, bytes, etag) = (found.location, found.size, found.e_tag);
    Some(Object { table, date, name, location, bytes, modified, etag, superseded_by: None })
}

fn judged(mut objects: Vec<Object>) -> Vec<Object> {
    let stand_ins = FileName::stand_ins(objects.iter().map(|object| &object.name));
    for (object, by) in objects.iter_mut().zip(stand_ins) {
        object.superseded_by = by;
    }
    objects
}
