//! Bringing files of a local archive to where the fleet's archive is.
//!
//! A name is given once and its content never changes, so a file may be sent as often as it takes: it is there once. Files of rows
//! go before the accounts that speak of them; what was merged goes up under its new name, and then the files that it stands in
//! for are removed there. Nothing is removed here before the other side was asked whether it has it.

mod claim;
mod send;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::bail;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use honeyxdp_archive::{Archive, Entry, FileName, Table, release};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use object_store::{Error, ObjectStoreExt as _};

use self::send::Sent;
use crate::{Object, Place, local};

/// Files on their way at a time.
const AT_A_TIME: usize = 8;

/// What is uploaded, and where to.
#[derive(Debug)]
pub struct Uploader {
    archive: Archive,
    place: Place,
    /// As it is in names; without, all.
    sensor: Option<String>,
    /// Dates that ended longer ago than this are removed here once they are there.
    release: Option<SignedDuration>,
    take_over: bool,
    claimed: HashSet<String>,
    /// What is there, as far as it was asked or sent: bytes by name, for each directory and sensor.
    there: BTreeMap<Group, BTreeMap<FileName, u64>>,
}

/// The files of one sensor in one directory.
type Group = (Table, Date, String);

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Files that were sent.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were removed there, because others stand in for them.
    pub merged: u64,
    /// Files that were removed here.
    pub released: u64,
    /// Files that were merged into others before they could be sent: the next pass sends those.
    pub gone: u64,
}

impl Uploader {
    /// One for the files of an archive, or of one sensor in it (by its name in names of files). With `release`, files here are
    /// removed when their date has ended so long ago, and they are there.
    pub fn new(archive: Archive, place: Place, sensor: Option<String>, release: Option<SignedDuration>) -> Self {
        let (take_over, claimed, there) = (false, HashSet::new(), BTreeMap::new());
        Self { archive, place, sensor, release, take_over, claimed, there }
    }

    /// Goes on in the place of another machine that had the same sensor.
    #[must_use]
    pub const fn taking_over(mut self) -> Self {
        self.take_over = true;
        self
    }

    /// Where it brings files.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Files and bytes that are here and, as far as is known, not there.
    ///
    /// # Errors
    /// When the archive cannot be listed.
    pub fn waiting(&self) -> anyhow::Result<(u64, u64)> {
        let files = self.here()?.into_iter().filter(|file| !self.is_there(file));
        Ok(files.fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.bytes)))
    }

    /// Sends what is not there yet, removes there what others stand in for, and here what may go. `progress` is told how many of
    /// how many files are sent.
    ///
    /// # Errors
    /// When the archive cannot be read, or the place cannot be written. What was sent is there, and the next pass goes on.
    pub async fn pass(&mut self, now: Timestamp, progress: &dyn Fn(u64, u64)) -> anyhow::Result<Pass> {
        let files = self.here()?;
        self.ask(&files).await?;
        for file in &files {
            let there = self.there.get(&group(file)).and_then(|there| there.get(&file.name));
            if let Some(bytes) = there.filter(|bytes| **bytes != file.bytes) {
                bail!(
                    "{} has {bytes} bytes at {}, and {} here: two machines have one name; give this one another --sensor-id",
                    file.name,
                    self.place,
                    file.bytes
                );
            }
        }
        let mut done = Pass::default();
        let (accounts, rows): (Vec<_>, Vec<_>) =
            files.iter().filter(|file| !self.is_there(file)).partition(|file| file.table == Table::Accounting);
        let all = (accounts.len() + rows.len()) as u64;
        let mut merged = BTreeSet::new();
        for files in [rows, accounts] {
            let mut sending =
                stream::iter(files.into_iter().map(|file| send::send(&self.place, file))).buffer_unordered(AT_A_TIME);
            // What was sent is remembered also when another one fails.
            let mut sent = Vec::new();
            let mut failed = None;
            while let Some(result) = sending.next().await {
                match result {
                    Ok(Sent::There(file)) => {
                        done.files += 1;
                        done.bytes += file.bytes;
                        sent.push(file);
                        progress(done.files, all);
                    }
                    Ok(Sent::Gone) => done.gone += 1,
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            drop(sending);
            for file in sent {
                if file.name.level > 0 {
                    merged.insert(group(file));
                }
                self.there.entry(group(file)).or_default().insert(file.name.clone(), file.bytes);
            }
            if let Some(error) = failed {
                return Err(error);
            }
        }
        // Another process may have sent parts of them, as one that ends while the next one starts.
        for group in merged {
            let (table, date, sensor) = &group;
            let there = self.place.files_of(*table, *date, sensor).await?;
            self.there.insert(group, by_name(there));
        }
        done.merged = self.remove_merged().await?;
        if let Some(age) = self.release {
            done.released = self.release(age, now).await?;
        }
        Ok(done)
    }

    /// The files here that count.
    fn here(&self) -> anyhow::Result<Vec<Entry>> {
        let mut files = local::files(&self.archive)?;
        files.retain(|file| self.sensor.as_ref().is_none_or(|sensor| file.name.sensor == *sensor));
        Ok(files)
    }

    fn is_there(&self, file: &Entry) -> bool {
        self.there.get(&group(file)).is_some_and(|there| there.contains_key(&file.name))
    }

    /// Asks what is there, of sensors and dates that were not asked for yet.
    async fn ask(&mut self, files: &[Entry]) -> anyhow::Result<()> {
        for file in files {
            let sensor = &file.name.sensor;
            if !self.claimed.contains(sensor) {
                claim::claim(self.archive.root(), &self.place, sensor, self.take_over).await?;
                self.claimed.insert(sensor.clone());
            }
            let group = group(file);
            if !self.there.contains_key(&group) {
                let there = self.place.files_of(file.table, file.date, sensor).await?;
                self.there.insert(group, by_name(there));
            }
        }
        Ok(())
    }

    /// Removes there what another file that is there stands in for.
    async fn remove_merged(&mut self) -> anyhow::Result<u64> {
        let mut removed = 0;
        for ((table, date, _), there) in &mut self.there {
            let names: Vec<FileName> = there.keys().cloned().collect();
            let merged = names.iter().zip(FileName::stand_ins(names.iter())).filter(|(_, by)| by.is_some());
            for (name, _) in merged {
                let location = self.place.directory(*table, *date).join(name.to_string());
                match self.place.store().delete(&location).await {
                    Ok(()) | Err(Error::NotFound { .. }) => {}
                    Err(error) => bail!("cannot remove {}: {error}", self.place.url_of(&location)),
                }
                there.remove(name);
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes here the files of dates that are long over, and all there. The newest date of each table stays: a sensor that starts
    /// again goes on from there.
    async fn release(&mut self, age: SignedDuration, now: Timestamp) -> anyhow::Result<u64> {
        let mut released = 0;
        for table in Table::ALL {
            let mut dates = self.archive.dates(table)?;
            dates.pop();
            for date in dates.into_iter().filter(|date| is_over(*date, age, now)) {
                let mut files = self.archive.all_files(table, date)?;
                files.retain(|file| self.sensor.as_ref().is_none_or(|sensor| file.name.sensor == *sensor));
                let sensors: HashSet<String> = files.iter().map(|file| file.name.sensor.clone()).collect();
                let asked = sensors.iter().map(|sensor| self.place.files_of(table, date, sensor));
                // What it says now, and not what is remembered.
                let there: Vec<_> = stream::iter(asked).buffer_unordered(AT_A_TIME).try_collect().await?;
                let there = by_name(there.into_iter().flatten());
                let mut counting = files.iter().filter(|file| file.superseded_by.is_none());
                if counting.all(|file| there.get(&file.name) == Some(&file.bytes)) {
                    released += release(&self.archive, &files)?;
                    self.there
                        .retain(|(its, day, sensor), _| (*its, *day) != (table, date) || !sensors.contains(sensor));
                } else {
                    // It was there once: it is asked, and sent, again.
                    self.there.retain(|(its, day, _), _| (*its, *day) != (table, date));
                }
            }
        }
        Ok(released)
    }
}

fn by_name(objects: impl IntoIterator<Item = Object>) -> BTreeMap<FileName, u64> {
    objects.into_iter().map(|object| (object.name, object.bytes)).collect()
}

fn group(file: &Entry) -> Group {
    (file.table, file.date, file.name.sensor.clone())
}

fn is_over(date: Date, age: SignedDuration, now: Timestamp) -> bool {
    let end = date.tomorrow().ok().and_then(|next| next.to_zoned(TimeZone::UTC).ok());
    end.is_some_and(|end| now.duration_since(end.timestamp()) > age)
}
