//! The sort order of rows: sorting in memory, and merging sorted runs.
//!
//! A file that declares its order is sorted as a whole, not only within each row group: DataFusion takes the declaration of the
//! first row group for that of the file.

use std::{cmp::Reverse, collections::BinaryHeap, rc::Rc};

use arrow_array::{
    Array as _, RecordBatch, UInt32Array,
    cast::AsArray as _,
    types::{Int32Type, TimestampMillisecondType, UInt16Type, UInt32Type},
};
use arrow_select::{concat::concat_batches, interleave::interleave_record_batch, take::take_record_batch};

use crate::{Error, Result, Table, WholeFile};

/// Rows of a file, batch by batch.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch>>>;

/// Rows written at a time.
const PIECE: usize = 1 << 15;

impl Table {
    /// Rows that are sorted in memory at a time: about 150 MB.
    pub const fn sorted_rows(self) -> usize {
        match self {
            Self::Flows | Self::Accounting => 1 << 19,
            Self::Payloads => 1 << 16,
        }
    }

    /// Maximum rows of a row group.
    pub const fn row_group_rows(self) -> usize {
        match self {
            Self::Flows | Self::Accounting => 1 << 20,
            Self::Payloads => 1 << 16,
        }
    }
}

/// Position of a row in the sort order: family, port or time, IP version, source.
type Key = (Rc<str>, i64, bool, u128);

/// Sorts rows in memory and writes them as one row group. `tie` decides between rows with the same key: it gets all rows and
/// returns a function of a row's index. Rows with the same tie keep their order. Returns the number of rows.
///
/// # Errors
/// Returns an error if the rows do not fit the schema or cannot be written.
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

/// Sorts rows in memory.
pub(crate) fn sort(table: Table, rows: &[RecordBatch]) -> Result<RecordBatch> {
    let all = concat_batches(&table.schema(), rows)?;
    Ok(take_record_batch(&all, &order(table, &all, |_| ()))?)
}

fn order<K: Ord>(table: Table, batch: &RecordBatch, tie: impl Fn(usize) -> K) -> UInt32Array {
    let n = u32::try_from(batch.num_rows()).expect("a row group has few rows");
    let keys = keys(table, batch);
    let ties: Vec<K> = (0..batch.num_rows()).map(tie).collect();
    let mut order: Vec<u32> = (0..n).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (a as usize, b as usize);
        keys[a].cmp(&keys[b]).then_with(|| ties[a].cmp(&ties[b]))
    });
    UInt32Array::from(order)
}

fn keys(table: Table, batch: &RecordBatch) -> Vec<Key> {
    let column = |name: &str| batch.column_by_name(name).expect("the schema was compared");
    if table == Table::Accounting {
        let starts = column("interval_start").as_primitive::<TimestampMillisecondType>();
        let none: Rc<str> = Rc::from("");
        return starts.values().iter().map(|&start| (Rc::clone(&none), start, false, 0)).collect();
    }
    let family = column("family").as_dictionary::<Int32Type>();
    let names: Vec<Rc<str>> =
        family.values().as_string::<i32>().iter().map(|name| Rc::from(name.unwrap_or_default())).collect();
    let ports = column("dst_port").as_primitive::<UInt16Type>().values();
    let (v4, v6) = (column("src").as_primitive::<UInt32Type>(), column("src6").as_fixed_size_binary());
    let key = |row: usize| {
        let family = family.key(row).map_or_else(|| Rc::from(""), |key| Rc::clone(&names[key]));
        let (is_v6, source) = if v4.is_valid(row) {
            (false, u128::from(v4.value(row)))
        } else {
            (true, v6.value(row).try_into().map_or(0, u128::from_be_bytes))
        };
        (family, i64::from(ports[row]), is_v6, source)
    };
    (0..batch.num_rows()).map(key).collect()
}

/// A sorted run and the position in it.
struct Run {
    rest: Batches,
    keys: Vec<Key>,
    row: usize,
    /// Index of the current batch.
    batch: usize,
}

/// Merges sorted runs into a file that is sorted as a whole. Equal rows keep the order of the runs. Memory: a batch of each run.
/// Returns the number of rows.
///
/// # Errors
/// Returns an error if a run cannot be read or is not sorted, or the file cannot be written.
pub(crate) fn merge_sorted(file: &mut WholeFile, runs: Vec<Batches>) -> Result<u64> {
    let table = file.table();
    // The current batch of each run, and former ones with rows that are not yet written.
    let mut batches: Vec<RecordBatch> = Vec::new();
    let mut heap: BinaryHeap<Reverse<(Key, usize)>> = BinaryHeap::new();
    let mut open: Vec<Run> = Vec::new();
    for rest in runs {
        let mut run = Run { rest, keys: Vec::new(), row: 0, batch: 0 };
        if let Some(key) = run.next_batch(table, &mut batches)? {
            heap.push(Reverse((key, open.len())));
        }
        open.push(run);
    }
    let (mut pending, mut written) = (Vec::with_capacity(PIECE), 0);
    while let Some(Reverse((key, number))) = heap.pop() {
        let run = &mut open[number];
        pending.push((run.batch, run.row));
        run.row += 1;
        let next = match run.keys.get(run.row) {
            Some(key) => Some(key.clone()),
            None => run.next_batch(table, &mut batches)?,
        };
        if let Some(next) = next {
            if next < key {
                return Err(Error::wrong(
                    file.path(),
                    "a file to be merged into it is not sorted as its footer declares",
                ));
            }
            heap.push(Reverse((next, number)));
        }
        if pending.len() == PIECE {
            written += write_pending(file, &batches, &mut pending)?;
            // Only current batches are still needed.
            let mut current = Vec::with_capacity(open.len());
            for run in open.iter_mut().filter(|run| run.row < run.keys.len()) {
                current.push(batches[run.batch].clone());
                run.batch = current.len() - 1;
            }
            batches = current;
        }
    }
    written += write_pending(file, &batches, &mut pending)?;
    Ok(written)
}

impl Run {
    /// Reads the next batch that has rows. Returns the key of its first row.
    fn next_batch(&mut self, table: Table, batches: &mut Vec<RecordBatch>) -> Result<Option<Key>> {
        (self.keys, self.row) = (Vec::new(), 0);
        while self.keys.is_empty() {
            let Some(batch) = self.rest.next() else { return Ok(None) };
            let batch = batch?;
            self.keys = keys(table, &batch);
            self.batch = batches.len();
            batches.push(batch);
        }
        Ok(self.keys.first().cloned())
    }
}

fn write_pending(file: &mut WholeFile, batches: &[RecordBatch], pending: &mut Vec<(usize, usize)>) -> Result<u64> {
    if pending.is_empty() {
        return Ok(0);
    }
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    file.write(&interleave_record_batch(&batches, pending)?)?;
    let rows = pending.len() as u64;
    pending.clear();
    Ok(rows)
}
