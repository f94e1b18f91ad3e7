//! Reading files, and judging by their footers whether they belong to the archive.

use std::{
    fs::File,
    iter,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use arrow_array::RecordBatch;
use parquet::{
    arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    file::metadata::ParquetMetaData,
};

use crate::{
    Entry, Error, Result, SCHEMA_KEY, Table,
    sorted::{Batches, sort},
};

/// An open file whose footer names the current schema.
pub struct Reader(ParquetRecordBatchReaderBuilder<File>, Entry);

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is not whole, or has another schema. A file of honeyxdp 0.1.0 has to be
    /// converted first, see [`crate::convert`].
    pub fn open(entry: &Entry) -> Result<Self> {
        let path = &entry.path;
        let builder = open(path)?;
        let expected = entry.table.version();
        match version(builder.metadata()) {
            None => return Err(Error::wrong(path, format!("its footer names no schema, and should name {expected}"))),
            Some(version) if version == expected => {}
            Some(version) if entry.table.is_convertible(&version) => {
                let root = path.ancestors().nth(3).unwrap_or(Path::new("."));
                return Err(Error::outdated(path, root));
            }
            Some(version) => {
                return Err(Error::wrong(path, format!("it has schema {version}, and this version reads {expected}")));
            }
        }
        if builder.schema().fields() != entry.table.schema().fields() {
            return Err(Error::wrong(path, format!("its columns are not those of {expected}")));
        }
        Ok(Self(builder, entry.clone()))
    }

    /// The footer.
    pub fn footer(&self) -> &ParquetMetaData {
        self.0.metadata()
    }

    /// Number of rows, by the footer.
    pub fn rows(&self) -> u64 {
        rows(self.footer())
    }

    /// Whether the footer declares that all rows are in the order of the table.
    pub fn is_sorted(&self) -> bool {
        let declared = Some(self.1.table.sorting_columns());
        self.footer().row_groups().iter().all(|group| group.sorting_columns() == declared.as_ref())
    }

    /// All rows, at most `batch` at a time.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub fn batches(self, batch: usize) -> Result<Batches> {
        batches(self.0, &self.1.path, batch)
    }

    /// Number of sorted runs of the file, see [`Reader::runs`].
    pub(crate) fn number_of_runs(&self) -> usize {
        if self.is_sorted() || self.1.table == Table::Accounting { 1 } else { self.footer().num_row_groups() }
    }

    /// The rows in sorted runs: the file as a whole if its footer declares an order, else each row group.
    pub(crate) fn runs(self, batch: usize) -> Result<Vec<Batches>> {
        if self.is_sorted() {
            return Ok(vec![self.batches(batch)?]);
        }
        let Self(builder, entry) = self;
        runs(builder, &entry.path, entry.table, batch, Ok)
    }
}

/// Opens a Parquet file of any schema.
pub(crate) fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(Error::io(path))?;
    unpanicked(path, || ParquetRecordBatchReaderBuilder::try_new(file).map_err(Error::parquet(path)))
}

/// Name and version of a file's schema.
pub(crate) fn version(footer: &ParquetMetaData) -> Option<String> {
    footer.file_metadata().key_value_metadata()?.iter().find(|pair| pair.key == SCHEMA_KEY)?.value.clone()
}

/// Number of rows, by the footer.
pub(crate) fn rows(footer: &ParquetMetaData) -> u64 {
    u64::try_from(footer.file_metadata().num_rows()).unwrap_or(0)
}

/// All rows, at most `batch` at a time.
pub(crate) fn batches(builder: ParquetRecordBatchReaderBuilder<File>, path: &Path, batch: usize) -> Result<Batches> {
    let mut reader: ParquetRecordBatchReader =
        unpanicked(path, || builder.with_batch_size(batch).build().map_err(Error::parquet(path)))?;
    let path = path.to_owned();
    let mut broken = false;
    let batches = iter::from_fn(move || {
        let next = if broken { Ok(None) } else { unpanicked(&path, || Ok(reader.next())) };
        // A decoder that panicked is not called again.
        broken = next.is_err();
        let next = next.transpose()?;
        Some(next.and_then(|batch| batch.map_err(|error| Error::wrong(&path, error.to_string()))))
    });
    Ok(Box::new(batches))
}

/// The row groups of a file as sorted runs, with `change` applied to each batch. Accounting is sorted in memory: its files are
/// small, and the clock may have been set back while one was written.
pub(crate) fn runs(
    builder: ParquetRecordBatchReaderBuilder<File>,
    path: &Path,
    table: Table,
    batch: usize,
    change: impl Fn(RecordBatch) -> Result<RecordBatch> + Copy + 'static,
) -> Result<Vec<Batches>> {
    if table == Table::Accounting {
        let rows = batches(builder, path, batch)?.map(|batch| change(batch?)).collect::<Result<Vec<_>>>()?;
        return Ok(vec![Box::new(iter::once(sort(table, &rows)))]);
    }
    (0..builder.metadata().num_row_groups())
        .map(|group| {
            let group = batches(open(path)?.with_row_groups(vec![group]), path, batch)?;
            Ok(Box::new(group.map(move |batch| change(batch?))) as Batches)
        })
        .collect()
}

/// The Parquet decoder panics at some damaged files instead of returning an error.
fn unpanicked<T>(path: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let damaged = |_| Err(Error::wrong(path, "it is damaged: the Parquet decoder fails on it".to_owned()));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(damaged)
}
