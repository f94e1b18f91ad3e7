//! Which files of an archive hold what was asked for.

use std::path::{Path, PathBuf};

use honeyxdp_archive::Table;
use jiff::civil::Date;

use crate::{escape, period::Period};

/// The files of a day, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayFiles {
    /// The day.
    pub date: Date,
    /// Its files, by name: those that are whole, and that no other one stands in for.
    pub files: Vec<PathBuf>,
}

/// The days of an archive that were asked for.
#[derive(Debug)]
pub struct FlowArchive {
    /// In rising order, and none without files.
    pub days: Vec<DayFiles>,
}

impl FlowArchive {
    /// Looks for the flow records of a period, or for all.
    ///
    /// # Errors
    ///
    /// Where there is no archive, it is not in a directory, or a directory cannot be read.
    pub fn open(directory: &Path, period: Option<Period>) -> anyhow::Result<Self> {
        let name = directory.to_string_lossy();
        anyhow::ensure!(
            !name.contains("://"),
            "only `honeyxdp report` reads an archive on object storage: get this one first by `honeyxdp fleet fetch {} DIR`, \
             and name that directory",
            escape::text(&name)
        );
        anyhow::ensure!(
            directory.join(Table::Flows.directory()).is_dir(),
            "{} is no archive: name the directory that holds `flows`, as in run --archive",
            escape::text(&name)
        );
        let archive = honeyxdp_archive::Archive::new(directory);
        let mut days = Vec::new();
        for date in archive.dates(Table::Flows)? {
            if period.is_none_or(|period| period.contains(date)) {
                let files = archive.files(Table::Flows, date)?;
                days.push(DayFiles { date, files: files.into_iter().map(|file| file.path).collect() });
            }
        }
        days.retain(|day| !day.files.is_empty());
        Ok(Self { days })
    }

    /// First and last day that there are files of.
    pub fn period(&self) -> Option<Period> {
        Some(Period { first: self.days.first()?.date, last: self.days.last()?.date })
    }
}
