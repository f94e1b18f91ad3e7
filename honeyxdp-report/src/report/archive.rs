//! Finding the files of an archive, and the columns of them that the report reads (docs/archive.md has them all).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::bail;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use honeyxdp_archive::Table;
use jiff::civil::Date;

use crate::{flows, period::Period};

/// How often files are read that go away meanwhile. Those of an hour are merged once, and of a day once more.
const MOST_READINGS: usize = 10;

/// The files of an archive that count.
#[derive(Debug)]
pub(super) struct Files {
    archive: honeyxdp_archive::Archive,
    span: Period,
}

impl Files {
    /// Those in this folder.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let flows = flows::Archive::open(folder, None)?.period();
        let archive = honeyxdp_archive::Archive::new(folder);
        let mut dates: Vec<Date> = flows.into_iter().flat_map(|Period { first, last }| [first, last]).collect();
        for date in archive.dates(Table::Payloads)? {
            if !archive.files(Table::Payloads, date)?.is_empty() {
                dates.push(date);
            }
        }
        let (Some(&first), Some(&last)) = (dates.iter().min(), dates.iter().max()) else {
            bail!("the archive in {} has no rows yet: wait until its sensor has written some", folder.display());
        };
        Ok(Self { archive, span: Period { first, last } })
    }

    /// Those of some dates in UTC. What was merged into another file is not among them.
    pub(super) fn of(&self, table: Table, dates: &[Date]) -> anyhow::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for date in dates {
            paths.extend(self.archive.files(table, *date)?.into_iter().map(|file| file.path));
        }
        Ok(paths)
    }

    /// Reads those of some dates, and again when files were merged or removed meanwhile, as a sensor does with its own: `read` is
    /// told which there are, and what it made of files that went away does not count.
    pub(super) fn read<T>(
        &self,
        table: Table,
        dates: &[Date],
        mut read: impl FnMut(&[PathBuf]) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        for _ in 0..MOST_READINGS {
            let files = self.of(table, dates)?;
            let made = read(&files);
            // A file that is gone never comes back, and none is written twice: what is there now was there all the time.
            if files.iter().all(|file| file.exists()) {
                return made;
            }
        }
        bail!("the archive's files are merged or removed faster than they can be read");
    }

    /// The first and the last date in UTC that there are rows of.
    pub(super) fn span(&self) -> Period {
        self.span
    }
}

/// Of flow files. Text is read as views: they group faster than dictionaries do.
pub(super) fn flow_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("sensor", DataType::Utf8View, true),
        Field::new("family", DataType::Utf8View, true),
        Field::new("rule", DataType::Utf8View, true),
        Field::new("settled", DataType::Utf8View, true),
        Field::new("src", DataType::UInt32, true),
        Field::new("src6", DataType::FixedSizeBinary(16), true),
        Field::new("dport", DataType::UInt16, true),
        Field::new("packets", DataType::UInt32, true),
        Field::new("first", time(), true),
        Field::new("country", DataType::Utf8View, true),
        Field::new("asn", DataType::UInt32, true),
    ]))
}

/// Of files of payloads. The payloads themselves are not read.
pub(super) fn payload_schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8View, true);
    let mut fields = vec![
        Field::new("time", time(), true),
        Field::new("src", DataType::UInt32, true),
        Field::new("src6", DataType::FixedSizeBinary(16), true),
        Field::new("dport", DataType::UInt16, true),
    ];
    fields.extend(["exploit", "exploit_rule", "exploit_certainty"].map(text));
    fields.extend(["family", "decided_by", "evidence", "family_certainty"].map(text));
    fields.extend(["url_host", "url_path", "url_file", "username", "password"].map(text));
    Arc::new(Schema::new(fields))
}

/// Of files of losses. The last two columns are not in old ones.
pub(super) fn loss_schema() -> SchemaRef {
    let count = |name| Field::new(name, DataType::UInt64, true);
    let mut fields = vec![Field::new("sensor", DataType::Utf8View, true), Field::new("interval_start", time(), true)];
    fields.extend(
        ["syns", "packets", "lost", "unsampled", "not_written", "filtered", "payloads", "payloads_lost"].map(count),
    );
    Arc::new(Schema::new(fields))
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}
