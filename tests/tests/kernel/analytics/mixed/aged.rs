//! Files as earlier versions of honeyxdp wrote them: with fewer columns at the end.

use std::{
    fs::{self, File},
    path::Path,
};

use arrow_array::RecordBatch;
use honeyxdp_archive::{FileName, Table};
use parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder};

use super::Mixed;

impl Mixed {
    /// Rewrites the files of one sensor without the columns that came later, and gives those of another one the names that they
    /// had once.
    pub(crate) fn age(&self) {
        for file in self.all_files() {
            match file.name.sensor.as_str() {
                "tokyo" => rewrite(&file.path, |batch| without_later_columns(file.table, batch)),
                "s_lab" => {
                    let name = FileName { sensor: "_lab".to_owned(), ..file.name };
                    fs::rename(&file.path, file.path.with_file_name(name.to_string())).unwrap();
                }
                _ => {}
            }
        }
    }
}

fn rewrite(path: &Path, change: impl Fn(&RecordBatch) -> RecordBatch) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(|batch| change(&batch.unwrap())).collect();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batches[0].schema(), None).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.close().unwrap();
}

/// In `losses` those of `honeyxdp.losses/1` are left.
fn without_later_columns(table: Table, batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let is_later =
        |name: &str| name == "site" || table == Table::Accounting && ["payloads", "payloads_lost"].contains(&name);
    let left: Vec<usize> =
        (0..schema.fields().len()).filter(|&column| !is_later(schema.field(column).name())).collect();
    batch.project(&left).unwrap()
}
