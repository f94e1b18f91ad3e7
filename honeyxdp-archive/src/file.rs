//! Whole files: written beside, synced, renamed.

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

/// Most rows of a row group.
pub const ROW_GROUP: usize = 1 << 20;

/// CaptureMode files of a table are written: zstd, statistics, dictionaries where values repeat.
pub fn properties(table: Table, more: &[(&str, String)]) -> WriterProperties {
    let mut metadata = vec![KeyValue::new(SCHEMA_KEY.to_owned(), table.version().to_owned())];
    metadata.extend(more.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone())));
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(concat!("honeyxdp ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_key_value_metadata(Some(metadata));
    // What hardly repeats fills a dictionary in vain.
    let plain: &[&str] = match table {
        Table::Flows => &["seq_first", "seq_last", "src6"],
        Table::Accounting => &[],
        Table::Payloads => &["sport", "src6"],
    };
    let delta: &[&str] = match table {
        Table::Flows => &["first", "last", "src"],
        Table::Accounting => &["interval_start", "interval_end"],
        Table::Payloads => &["time", "src"],
    };
    for &column in plain.iter().chain(delta) {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }
    for &column in delta {
        builder = builder.set_column_encoding(ColumnPath::from(column), Encoding::DELTA_BINARY_PACKED);
    }
    builder.build()
}

/// A file that is being written. Dropped before [`WholeFile::finish`], it leaves nothing.
pub struct WholeFile {
    table: Table,
    writer: Option<ArrowWriter<File>>,
    temporary: PathBuf,
    path: PathBuf,
}

impl WholeFile {
    /// Begins a file that will have this name, with more keys in its footer. Directories are made where they are missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(path: &Path, table: Table, more: &[(&str, String)]) -> Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let temporary = path.with_file_name(format!(".{name}.tmp"));
        let directory = parent(path);
        fs::create_dir_all(directory).map_err(Error::io(directory))?;
        let file = File::create(&temporary).map_err(Error::io(&temporary))?;
        let mut whole = Self { table, writer: None, temporary, path: path.to_owned() };
        let writer = ArrowWriter::try_new(file, table.schema(), Some(properties(table, more)));
        whole.writer = Some(writer.map_err(Error::parquet(path))?);
        Ok(whole)
    }

    /// Which table it belongs to.
    pub const fn table(&self) -> Table {
        self.table
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When they are not those of its table, or cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer().write(batch).map_err(Error::parquet(&self.path))
    }

    /// Ends a row group.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        self.writer().flush().map_err(Error::parquet(&self.path))
    }

    /// Gives the file its name, once it is on the disk. Returns its bytes.
    ///
    /// # Errors
    /// When it cannot be written. Then there is no such file.
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
        // A full disk is not helped by half a file. After the rename there is none of this name.
        let _ = fs::remove_file(&self.temporary);
    }
}

pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}
