//! Conversion of the tables of honeyxdp 0.1.0 to the current schema.
//!
//! Each file is converted on its own and is whole at any moment: the new file is written under a temporary name, synced and
//! renamed. Flows and payloads keep their path, so the rename replaces the old file. Accounting moves from `losses` to
//! `accounting`, last of all: as long as `losses` holds a file, every reader refuses the archive ([`Error::Outdated`]). So a killed
//! conversion is resumed by calling it again, and no reader ever takes a mixture for an archive.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{
    Array as _, ArrayRef, DictionaryArray, RecordBatch, StringArray, UInt8Array, cast::AsArray as _, new_null_array,
    types::Int32Type,
};
use parquet::file::metadata::ParquetMetaData;

use crate::{
    Archive, Entry, Error, Reader, Result, SCHEMA_KEY, TCP, Table,
    checkpoint::CHECKPOINT_KEY,
    directory::{LOSSES, entries_of, names},
    file::{WholeFile, sync_directory},
    lock, read,
    sorted::merge_sorted,
};

/// Key of the checkpoint in footers of honeyxdp 0.1.0.
const OLD_CHECKPOINT_KEY: &str = "honeyxdp.accounted";
/// Rows read at a time.
const BATCH: usize = 1 << 14;

/// Columns with another name in honeyxdp 0.1.0: table, name, old name.
const RENAMED: &[(Table, &str, &str)] = &[
    (Table::Flows, "rule_id", "rule"),
    (Table::Flows, "attributed_family", "settled"),
    (Table::Flows, "dst_port", "dport"),
    (Table::Flows, "first_seen", "first"),
    (Table::Flows, "last_seen", "last"),
    (Table::Flows, "matched", "tags"),
    (Table::Flows, "tcp_window", "window"),
    (Table::Accounting, "sampled_out", "unsampled"),
    (Table::Accounting, "dropped_by_archive", "not_written"),
    (Table::Payloads, "src_port", "sport"),
    (Table::Payloads, "dst_port", "dport"),
    (Table::Payloads, "capture_mode", "how"),
    (Table::Payloads, "exploit_rule_id", "exploit_rule"),
    (Table::Payloads, "exploit_confidence", "exploit_certainty"),
    (Table::Payloads, "attribution_source", "decided_by"),
    (Table::Payloads, "rule_id", "evidence"),
    (Table::Payloads, "family_confidence", "family_certainty"),
];

/// A step of a conversion: for progress, and for tests that stop there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConvertStep {
    /// A file is about to be converted; in a dry run it would be.
    Begun(PathBuf),
    /// Its rows are written under a temporary name.
    Written(PathBuf),
    /// The new file has its name.
    Named(PathBuf),
    /// The file is done. Of accounting, the old file is removed.
    Done(PathBuf),
}

/// Result of a conversion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// Files converted; in a dry run those to be converted.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Their bytes before.
    pub bytes_before: u64,
    /// Their bytes after; 0 in a dry run.
    pub bytes_after: u64,
    /// Files that already have the current schema.
    pub current: u64,
    /// Files that could not be converted, each with its error. They are left as they are.
    pub problems: Vec<String>,
}

/// Converts every file of an archive to the current schema. With `dry_run` it only looks for files to be converted. `step` gets each
/// step and the number of files seen so far; the total number of files comes third.
///
/// # Errors
/// Returns an error if a directory cannot be read or a file cannot be written, or if another process merges or removes files. Every
/// row is still there once, and another call resumes. Files that cannot be read are reported in the result.
pub fn convert(archive: &Archive, dry_run: bool, mut step: impl FnMut(ConvertStep, u64, u64)) -> Result<Converted> {
    let _lock = if dry_run { lock::keep(archive.root())? } else { Some(lock::maintenance(archive.root())?) };
    let mut entries = Vec::new();
    // Accounting is last, see above.
    for (directory, table) in [("flows", Table::Flows), ("payloads", Table::Payloads), (LOSSES, Table::Accounting)] {
        entries.extend(entries_of(&archive.root().join(directory), table)?);
    }
    let mut done = Converted::default();
    let total = entries.len() as u64;
    for (seen, entry) in (0..).zip(&entries) {
        if let Err(error) = convert_file(archive, entry, dry_run, &mut done, &mut |at| step(at, seen, total)) {
            match error {
                // A full disk or a directory without permission concerns all files.
                Error::Io { .. } => return Err(error),
                error => done.problems.push(error.to_string()),
            }
        }
    }
    if !dry_run {
        remove_empty(&archive.root().join(LOSSES))?;
    }
    Ok(done)
}

fn convert_file(
    archive: &Archive,
    old: &Entry,
    dry_run: bool,
    done: &mut Converted,
    step: &mut impl FnMut(ConvertStep),
) -> Result<()> {
    let builder = read::open(&old.path)?;
    let version = read::version(builder.metadata()).unwrap_or_default();
    if version == old.table.version() {
        done.current += 1;
        return Ok(());
    }
    if !old.table.is_convertible(&version) {
        return Err(Error::wrong(&old.path, format!("it has schema {version}, which cannot be converted")));
    }
    let rows = read::rows(builder.metadata());
    done.files += 1;
    done.rows += rows;
    done.bytes_before += old.bytes;
    step(ConvertStep::Begun(old.path.clone()));
    if dry_run {
        return Ok(());
    }
    let path = archive.directory(old.table, old.date).join(old.name.to_string());
    let new = Entry { path: path.clone(), ..old.clone() };
    // A conversion of accounting may have been killed between its two last steps.
    let is_there = path != old.path && Reader::open(&new).is_ok_and(|reader| reader.rows() == rows);
    if !is_there {
        let keys = footer_keys(builder.metadata());
        let keys: Vec<(&str, String)> = keys.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        let table = old.table;
        let runs = read::runs(builder, &old.path, table, BATCH, move |batch| convert_batch(table, &batch))?;
        let mut file = WholeFile::begin(&path, table, &keys)?;
        let written = merge_sorted(&mut file, runs)?;
        if written != rows {
            return Err(Error::wrong(&old.path, format!("its footer says {rows} rows, and {written} can be read")));
        }
        step(ConvertStep::Written(path.clone()));
        done.bytes_after += file.finish()?;
    }
    step(ConvertStep::Named(path.clone()));
    if path != old.path {
        fs::remove_file(&old.path).map_err(Error::io(&old.path))?;
        let directory = old.path.parent().unwrap_or(Path::new("."));
        sync_directory(directory).map_err(Error::io(directory))?;
    }
    step(ConvertStep::Done(path));
    Ok(())
}

/// Keys of honeyxdp in the footer, such as the checkpoint, without the schema's.
fn footer_keys(footer: &ParquetMetaData) -> Vec<(String, String)> {
    let pairs = footer.file_metadata().key_value_metadata().into_iter().flatten();
    pairs
        .filter(|pair| pair.key.starts_with("honeyxdp.") && pair.key != SCHEMA_KEY)
        .filter_map(|pair| {
            let key = if pair.key == OLD_CHECKPOINT_KEY { CHECKPOINT_KEY } else { &pair.key };
            Some((key.to_owned(), pair.value.clone()?))
        })
        .collect()
}

fn convert_batch(table: Table, old: &RecordBatch) -> Result<RecordBatch> {
    let schema = table.schema();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let name = field.name().as_str();
        let renamed = RENAMED.iter().find(|(of, new, _)| *of == table && *new == name);
        let column = old.column_by_name(renamed.map_or(name, |(.., old)| old));
        columns.push(match (name, column) {
            ("attribution_source", Some(column)) => rename_mark(column),
            (_, Some(column)) => Arc::clone(column),
            // All rows of honeyxdp 0.1.0 are of TCP.
            ("protocol", None) => Arc::new(UInt8Array::from_value(TCP, old.num_rows())),
            (_, None) => new_null_array(field.data_type(), old.num_rows()),
        });
    }
    // A column that is missing or has another type is an error here.
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// `mark` was the word for `fingerprint`.
fn rename_mark(column: &ArrayRef) -> ArrayRef {
    let Some(old) = column.as_any().downcast_ref::<DictionaryArray<Int32Type>>() else { return Arc::clone(column) };
    let Some(values) = old.values().as_string_opt::<i32>() else { return Arc::clone(column) };
    let values: StringArray =
        values.iter().map(|value| value.map(|value| if value == "mark" { "fingerprint" } else { value })).collect();
    Arc::new(old.with_values(Arc::new(values)))
}

/// Removes the old directory of accounting as far as it is empty.
fn remove_empty(losses: &Path) -> Result<()> {
    for date in names(losses)? {
        remove_directory(&losses.join(date))?;
    }
    remove_directory(losses)
}

fn remove_directory(directory: &Path) -> Result<()> {
    match fs::remove_dir(directory) {
        Ok(()) => Ok(()),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory => Ok(()),
            _ => Err(Error::io(directory)(error)),
        },
    }
}
