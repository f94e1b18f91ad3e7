//! One file, as it may be given away.

use std::{
    hash::{BuildHasher as _, RandomState},
    path::Path,
};

use anyhow::bail;
use arrow_array::{BooleanArray, RecordBatch, cast::AsArray as _, types::TimestampMillisecondType};
use arrow_select::filter::filter_record_batch;
use honeyxdp_archive::{Entry, Reader, Table, WholeFile, write_sorted};

use super::columns::Columns;

/// Rows that are read at a time.
const BATCH: usize = 1 << 15;
/// Rows that are in memory at a time, about: some 300 MB with those that are being sorted.
const IN_MEMORY: u64 = 1 << 20;
/// Key of the footer that says what was done.
const EXPORT_KEY: &str = "honeyxdp.export";

/// Writes the rows of a file to another one, as they may be given away. `progress` gets numbers of rows. Returns rows and bytes.
///
/// Rows are sorted by what they have become, and rows that are the same by that are in no order of their own. Where a file is
/// too large to be sorted at once, chance deals its rows out to row groups. So their order tells nothing of what they were.
pub(super) fn export(
    entry: &Entry,
    path: &Path,
    footer: &str,
    columns: &mut Columns,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<(u64, u64)> {
    let table = entry.table;
    let rows = Reader::open(entry)?.rows();
    let deal = Deal::of(table, rows);
    let keys = [(EXPORT_KEY, footer.to_owned())];
    // Of several row groups each is sorted on its own.
    let begin = if deal.groups == 1 { WholeFile::begin } else { WholeFile::begin_unsorted };
    let mut file = begin(path, table, &keys)?;
    let mut written = 0;
    for first in (0..deal.groups).step_by(usize::try_from(deal.at_once)?) {
        let mut groups: Vec<Vec<RecordBatch>> = Vec::new();
        groups.resize_with(usize::try_from(deal.at_once.min(deal.groups - first))?, Vec::new);
        let mut from = 0;
        for batch in Reader::open(entry)?.batches(BATCH)? {
            let batch = batch?;
            let dealt = deal.out(from, batch.num_rows());
            for (group, gathered) in (first..).zip(&mut groups) {
                let mine = pick(&batch, &dealt, group)?;
                if mine.num_rows() > 0 {
                    gathered.push(columns.given_away(table, &mine)?);
                    progress(mine.num_rows() as u64);
                }
            }
            from += batch.num_rows() as u64;
        }
        for group in groups {
            written += write_sorted(&mut file, group, tie(table))?;
        }
    }
    if written != rows {
        bail!("{}: its footer says {rows} rows, and {written} can be read", entry.path.display());
    }
    Ok((written, file.finish()?))
}

/// Who comes first of rows with one family, port and source: the earlier one, and at one time whichever chance says. They were
/// in the order of their real sources when these were sorted, of which a truncation makes one.
fn tie(table: Table) -> impl FnOnce(&RecordBatch) -> Box<dyn Fn(usize) -> (i64, u64)> {
    let column = match table {
        Table::Flows => "first_seen",
        Table::Payloads => "time",
        Table::Accounting => "interval_end",
    };
    move |rows| {
        let times = rows.column_by_name(column).expect("the schema was compared");
        let times = times.as_primitive::<TimestampMillisecondType>().clone();
        let chance = RandomState::new();
        Box::new(move |row| (times.value(row), chance.hash_one(row)))
    }
}

/// Which rows go into which row group.
struct Deal {
    groups: u64,
    /// Groups that are gathered in one reading of the file.
    at_once: u64,
    chance: RandomState,
}

impl Deal {
    fn of(table: Table, rows: u64) -> Self {
        let most = table.sorted_rows() as u64;
        // Chance does not deal out evenly: with 20 standard deviations of room no group gets too large.
        let usual = most - most / 10;
        let groups = if rows <= most { 1 } else { rows.div_ceil(usual) };
        Self { groups, at_once: (IN_MEMORY / most).max(1), chance: RandomState::new() }
    }

    /// The groups of so many rows, of which the first one has number `from` in the file. Empty where there is one group.
    fn out(&self, from: u64, rows: usize) -> Vec<u64> {
        let group = |row: u64| self.chance.hash_one(row) % self.groups;
        if self.groups == 1 { Vec::new() } else { (from..).take(rows).map(group).collect() }
    }
}

/// The rows of a batch that go into a group.
fn pick(batch: &RecordBatch, dealt: &[u64], group: u64) -> anyhow::Result<RecordBatch> {
    if dealt.is_empty() {
        return Ok(batch.clone());
    }
    let mine: BooleanArray = dealt.iter().map(|&of| Some(of == group)).collect();
    Ok(filter_record_batch(batch, &mine)?)
}
