//! Whole files: written under a temporary name, synced, renamed.

use std::{
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use arrow_array::RecordBatch;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties, WriterVersion},
    },
    schema::types::ColumnPath,
};

use crate::{Error, Result, SCHEMA_KEY, Table};

/// Bound of a Bloom filter, in distinct values: at most 512 KiB for each column and row group. The writer folds a filter down to
/// the smallest size that keeps the rate of false positives, so small files have small filters.
const BLOOM_VALUES: u64 = 1 << 18;
/// Rate of false positives of a Bloom filter.
const BLOOM_RATE: f64 = 0.01;

/// How files of a table are written: zstd, statistics by page, dictionaries where values repeat, Bloom filters on sources, and
/// the sort order in the footer if rows are `sorted`.
fn properties(table: Table, sorted: bool, keys: &[(&str, String)]) -> WriterProperties {
    let mut metadata = vec![KeyValue::new(SCHEMA_KEY.to_owned(), table.version().to_owned())];
    metadata.extend(keys.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone())));
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(concat!("honeyxdp ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_max_row_group_row_count(Some(table.row_group_rows()))
        .set_sorting_columns(sorted.then(|| table.sorting_columns()))
        .set_key_value_metadata(Some(metadata));
    // Values that hardly repeat would fill a dictionary in vain.
    let plain: &[&str] = match table {
        Table::Flows => &["seq_first", "seq_last", "src6", "src_port_first", "src_port_last"],
        Table::Accounting => &[],
        Table::Payloads => &["src_port", "src6"],
    };
    let delta: &[&str] = match table {
        Table::Flows => &["first_seen", "last_seen", "src"],
        Table::Accounting => &["interval_start", "interval_end"],
        Table::Payloads => &["time", "src"],
    };
    let bloom: &[&str] = match table {
        Table::Flows | Table::Payloads => &["src", "src6"],
        Table::Accounting => &[],
    };
    for &column in plain.iter().chain(delta) {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }
    for &column in delta {
        builder = builder.set_column_encoding(ColumnPath::from(column), Encoding::DELTA_BINARY_PACKED);
    }
    for &column in bloom {
        builder = builder
            .set_column_bloom_filter_fpp(ColumnPath::from(column), BLOOM_RATE)
            .set_column_bloom_filter_max_ndv(ColumnPath::from(column), BLOOM_VALUES);
    }
    builder.build()
}

/// A file that is being written. If dropped before [`WholeFile::finish`], nothing is left.
pub struct WholeFile {
    table: Table,
    writer: Option<ArrowWriter<File>>,
    temporary: PathBuf,
    path: PathBuf,
}

impl WholeFile {
    /// Begins a file that will have this name, with more keys in its footer. Its rows must come in the order of the table. Missing
    /// directories are made.
    ///
    /// # Errors
    /// Returns an error if the file cannot be made.
    pub fn begin(path: &Path, table: Table, keys: &[(&str, String)]) -> Result<Self> {
        Self::with(path, table, true, keys)
    }

    /// The same for rows that are not sorted, or only within row groups.
    ///
    /// # Errors
    /// Returns an error if the file cannot be made.
    pub fn begin_unsorted(path: &Path, table: Table, keys: &[(&str, String)]) -> Result<Self> {
        Self::with(path, table, false, keys)
    }

    fn with(path: &Path, table: Table, sorted: bool, keys: &[(&str, String)]) -> Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let temporary = path.with_file_name(format!(".{name}.tmp"));
        let directory = parent(path);
        fs::create_dir_all(directory).map_err(Error::io(directory))?;
        let file = File::create(&temporary).map_err(Error::io(&temporary))?;
        let mut whole = Self { table, writer: None, temporary, path: path.to_owned() };
        let writer = ArrowWriter::try_new(file, table.schema(), Some(properties(table, sorted, keys)));
        whole.writer = Some(writer.map_err(Error::parquet(path))?);
        Ok(whole)
    }

    /// The name that it will have.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The table it belongs to.
    pub const fn table(&self) -> Table {
        self.table
    }

    /// Adds rows.
    ///
    /// # Errors
    /// Returns an error if the rows do not fit the schema or cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer().write(batch).map_err(Error::parquet(&self.path))
    }

    /// Ends a row group.
    ///
    /// # Errors
    /// Returns an error if the row group cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        self.writer().flush().map_err(Error::parquet(&self.path))
    }

    /// Syncs the file and gives it its name. Returns its size in bytes.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written. Then there is no such file.
    pub fn finish(mut self) -> Result<u64> {
        let path = self.path.clone();
        let file = self.writer.take().expect("it is open").into_inner().map_err(Error::parquet(&path))?;
        let name = || -> io::Result<u64> {
            file.sync_all()?;
            let bytes = file.metadata()?.len();
            fs::rename(&self.temporary, &path)?;
            sync_directory(parent(&path))?;
            Ok(bytes)
        };
        name().map_err(Error::io(&path))
    }

    fn writer(&mut self) -> &mut ArrowWriter<File> {
        self.writer.as_mut().expect("it is open")
    }
}

impl fmt::Debug for WholeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WholeFile").field(&self.path).finish()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        // Frees the disk. After the rename there is no file of this name.
        let _ = fs::remove_file(&self.temporary);
    }
}

pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}
