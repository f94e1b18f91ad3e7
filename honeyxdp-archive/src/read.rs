//! Reading files, and judging by their footers whether they are ours.

use std::{
    fs::File,
    iter,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use arrow_array::{RecordBatch, new_null_array};
use parquet::{
    arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    file::metadata::ParquetMetaData,
};

use crate::{Entry, Error, Result, SCHEMA_KEY};

/// An open file whose footer is right: this schema, in a version that is known.
pub struct Reader(ParquetRecordBatchReaderBuilder<File>, Entry);

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read, is not whole, or has another schema.
    pub fn open(entry: &Entry) -> Result<Self> {
        let path = &entry.path;
        let file = File::open(path).map_err(Error::io(path))?;
        let builder =
            unpanicked(path, || ParquetRecordBatchReaderBuilder::try_new(file).map_err(Error::parquet(path)))?;
        let pairs = builder.metadata().file_metadata().key_value_metadata();
        let version = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == SCHEMA_KEY)?.value.clone());
        let expected = entry.table.version();
        let Some(version) = version else {
            return Err(Error::wrong(path, format!("its footer names no schema, and should name {expected}")));
        };
        let Some(columns) = entry.table.columns_of(&version) else {
            return Err(Error::wrong(path, format!("it has schema {version}, and this version reads {expected}")));
        };
        if builder.schema().fields()[..] != entry.table.schema().fields()[..columns] {
            return Err(Error::wrong(path, format!("its columns are not those of {version}")));
        }
        Ok(Self(builder, entry.clone()))
    }

    /// Its footer.
    pub fn footer(&self) -> &ParquetMetaData {
        self.0.metadata()
    }

    /// Rows by the footer.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.footer().file_metadata().num_rows()).unwrap_or(0)
    }

    /// All its rows, `batch` at a time, with the columns of this version: what an older one did not have is null.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn batches(self, batch: usize) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        let Self(builder, entry) = self;
        let mut reader: ParquetRecordBatchReader =
            unpanicked(&entry.path, || builder.with_batch_size(batch).build().map_err(Error::parquet(&entry.path)))?;
        let schema = entry.table.schema();
        let path = entry.path.clone();
        let mut broken = false;
        let batches = iter::from_fn(move || {
            let next = if broken { Ok(None) } else { unpanicked(&path, || Ok(reader.next())) };
            // What has panicked is not asked again.
            broken = next.is_err();
            next.map_or_else(|error| Some(Err(error)), |batch| Some(Ok(batch?)))
        });
        Ok(batches.map(move |batch| {
            let batch = batch?.map_err(|error| Error::wrong(&entry.path, error.to_string()))?;
            let mut columns = batch.columns().to_vec();
            let more = schema.fields()[columns.len()..].iter();
            columns.extend(more.map(|field| new_null_array(field.data_type(), batch.num_rows())));
            Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
        }))
    }
}

/// The decoder of Parquet panics at some damaged files, where it should say that they are.
fn unpanicked<T>(path: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let damaged = |_| Err(Error::wrong(path, "it is damaged: the decoder of Parquet gives up on it".to_owned()));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(damaged)
}
