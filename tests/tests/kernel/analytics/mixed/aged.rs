//! Files that lack some nullable columns, as files of other versions may.

use std::{
    fs::{self, File},
    path::Path,
};

use arrow_array::RecordBatch;
use honeyxdp_archive::{FileName, Table};
use parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder};

use super::Mixed;

impl Mixed {
    /// Rewrites the files of one sensor without some nullable columns, and gives the files of another sensor names that begin with
    /// `_`.
    pub(crate) fn age(&self) {
        for file in self.all_files() {
            match file.name.sensor.as_str() {
                "tokyo" => rewrite(&file.path, |batch| without_nullable_columns(file.table, batch)),
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

fn without_nullable_columns(table: Table, batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let is_dropped =
        |name: &str| name == "site" || table == Table::Accounting && ["payloads", "payloads_lost"].contains(&name);
    let left: Vec<usize> =
        (0..schema.fields().len()).filter(|&column| !is_dropped(schema.field(column).name())).collect();
    batch.project(&left).unwrap()
}
