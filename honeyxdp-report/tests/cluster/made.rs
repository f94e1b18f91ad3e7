//! What a report made, to compare it with another one's.

use std::{collections::BTreeMap, fs, path::Path};

use arrow_cast::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The tables of a report as they are, by name.
pub(crate) fn tables(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let is_table = |name: &str| name.ends_with(".csv") || name.ends_with(".json");
    files(out).filter(|(name, _)| is_table(name)).map(|(name, path)| (name, fs::read(path).unwrap())).collect()
}

/// The rows of each roll-up in rising order, by what was asked and kind: a group has no place of its own among others.
pub(crate) fn rollups(directory: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for (name, path) in files(directory).filter(|(name, _)| name.ends_with(".parquet")) {
        let [stem, _maker, kind, _] = name.split('.').collect::<Vec<_>>().try_into().unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap().build().unwrap();
        let mut rows = Vec::new();
        for batch in reader {
            let batch = batch.unwrap();
            let options = FormatOptions::new().with_null("-");
            let columns: Vec<_> =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            let row = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" | ");
            rows.extend((0..batch.num_rows()).map(row));
        }
        rows.sort_unstable();
        assert!(found.insert(format!("{stem}.{kind}"), rows).is_none(), "{name} is there twice");
    }
    found
}

fn files(directory: &Path) -> impl Iterator<Item = (String, std::path::PathBuf)> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
}
