//! The order of rows in a row group.

use arrow_array::{
    Array as _, ArrayRef, DictionaryArray, RecordBatch, UInt32Array,
    cast::AsArray as _,
    types::{Int32Type, TimestampMillisecondType, UInt16Type, UInt32Type},
};
use arrow_select::{concat::concat_batches, take::take_record_batch};

use crate::{Result, Table, WholeFile};

/// Rows that are written at a time.
const PIECE: usize = 1 << 15;

impl Table {
    /// Rows that are sorted at a time, and in a row group: about 150 MB of memory while they are.
    pub const fn sorted_rows(self) -> usize {
        match self {
            Self::Flows | Self::Accounting => 1 << 19,
            Self::Payloads => 1 << 16,
        }
    }
}

/// Writes rows as a row group in the order of the archive: flows and payloads by family, port, version of IP and source; losses
/// by time. Of rows that are equal in these, `tie` decides, which gets all of them and then the number of one; where that is
/// equal too they stay as they were. Returns how many rows these are.
///
/// # Errors
/// When they do not fit the schema, or cannot be written.
pub fn write_sorted<K: Ord, T: Fn(usize) -> K>(
    file: &mut WholeFile,
    rows: Vec<RecordBatch>,
    tie: impl FnOnce(&RecordBatch) -> T,
) -> Result<u64> {
    if rows.is_empty() {
        return Ok(0);
    }
    let all = concat_batches(&file.table().schema(), rows.iter())?;
    drop(rows);
    let order = order(file.table(), &all, tie(&all));
    let mut from = 0;
    // In pieces, so that there are not three copies of everything.
    while from < order.len() {
        let piece = order.slice(from, PIECE.min(order.len() - from));
        file.write(&take_record_batch(&all, &piece)?)?;
        from += piece.len();
    }
    file.flush()?;
    Ok(all.num_rows() as u64)
}

fn order<K: Ord>(table: Table, batch: &RecordBatch, tie: impl Fn(usize) -> K) -> UInt32Array {
    let n = u32::try_from(batch.num_rows()).expect("a row group has few rows");
    let mut order: Vec<u32> = (0..n).collect();
    let column = |name: &str| batch.column_by_name(name).expect("the schema was compared");
    match table {
        Table::Accounting => {
            let starts = column("interval_start").as_primitive::<TimestampMillisecondType>();
            order.sort_by_cached_key(|&row| (starts.value(row as usize), tie(row as usize)));
        }
        Table::Flows | Table::Payloads => {
            let families = ranks(column("family"));
            let ports = column("dport").as_primitive::<UInt16Type>();
            let (v4, v6) = (column("src").as_primitive::<UInt32Type>(), column("src6").as_fixed_size_binary());
            let source = |row: usize| {
                if v4.is_valid(row) {
                    (false, u128::from(v4.value(row)))
                } else {
                    (true, v6.value(row).try_into().map_or(0, u128::from_be_bytes))
                }
            };
            order.sort_by_cached_key(|&row| {
                let row = row as usize;
                (families[row], ports.value(row), source(row), tie(row))
            });
        }
    }
    UInt32Array::from(order)
}

/// Each row's place in the alphabet.
fn ranks(column: &ArrayRef) -> Vec<usize> {
    let column: &DictionaryArray<Int32Type> = column.as_dictionary();
    let values = column.values().as_string::<i32>();
    let mut sorted: Vec<&str> = values.iter().flatten().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let rank_of: Vec<usize> =
        values.iter().map(|value| value.map_or(0, |value| sorted.partition_point(|&other| other < value))).collect();
    (0..column.len()).map(|row| column.key(row).map_or(0, |key| rank_of[key])).collect()
}
