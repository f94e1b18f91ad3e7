//! Checking: every file is read to its end and compared with its name, its footer and the other tables.

use std::collections::BTreeMap;

use arrow_array::{
    Array as _, RecordBatch, UInt64Array,
    cast::AsArray as _,
    types::{Int32Type, TimestampMillisecondType, UInt32Type, UInt64Type},
};
use parquet::file::statistics::Statistics;

use crate::{
    AccountingRow, Archive, Entry, Error, Reader, Result, Table,
    directory::{date_of, names},
    lock,
};

const BATCH: usize = 1 << 15;

/// Result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files that count, without leftovers.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows of flows.
    pub rows: u64,
    /// SYNs in them.
    pub packets: u64,
    /// Intervals that are accounted for.
    pub intervals: u64,
    /// SYNs counted in these intervals.
    pub syns: u64,
    /// SYNs of these that are in no row: lost, sampled out or dropped by the archive.
    pub missing: u64,
    /// Rows of payloads.
    pub payloads: u64,
    /// Captured payloads that are in no row.
    pub payloads_missing: u64,
    /// Files left by a killed compaction. Readers that follow the rule of names ignore them; others count their rows twice. The next
    /// compaction removes them.
    pub leftovers: Vec<String>,
    /// Faults, each with its file.
    pub problems: Vec<String>,
}

/// Sensor and start of an interval.
type Interval = (String, i64);

/// What is in the rows of an interval, or in its accounting row.
#[derive(Default)]
struct Held {
    /// SYNs.
    packets: u64,
    /// Payloads, if they are counted.
    payloads: Option<u64>,
}

type Intervals = BTreeMap<Interval, Held>;

/// Checks every file of an archive.
///
/// # Errors
/// Returns an error if a directory cannot be read, another process merges or removes files, or the archive was written by honeyxdp
/// 0.1.0. Faults of files are in the result.
pub fn check(archive: &Archive) -> Result<Checked> {
    let _kept = lock::keep(archive.root())?;
    let mut found = Checked::default();
    let (mut written, mut accounts) = (Intervals::new(), Intervals::new());
    // A running sensor writes rows before their accounting row: every accounting row read here has its rows there.
    for table in [Table::Accounting, Table::Flows, Table::Payloads] {
        for date in archive.dates(table)? {
            for file in archive.all_files(table, date)? {
                if let Some(by) = &file.superseded_by {
                    found.leftovers.push(format!("{}: replaced by {by}", file.path.display()));
                    continue;
                }
                found.files += 1;
                found.bytes += file.bytes;
                let sums = match table {
                    Table::Flows | Table::Payloads => &mut written,
                    Table::Accounting => &mut accounts,
                };
                if let Err(error) = file_of(&file, &mut found, sums) {
                    found.problems.push(error.to_string());
                }
            }
            let directory = archive.directory(table, date);
            for name in names(&directory)? {
                if !name.starts_with('.') && name.parse::<crate::FileName>().is_err() {
                    found.problems.push(format!(
                        "{}: this file does not belong to the archive; readers of *.parquet may read it",
                        directory.join(name).display()
                    ));
                }
            }
        }
    }
    // Tables are comparable only if all files are whole.
    if found.problems.is_empty() {
        for (interval, account) in &accounts {
            let none = Held::default();
            let rows = written.get(interval).unwrap_or(&none);
            let packets = (rows.packets, account.packets, "SYNs");
            let payloads = account.payloads.map(|payloads| (rows.payloads.unwrap_or(0), payloads, "payloads"));
            for (rows, account, what) in
                [packets].into_iter().chain(payloads).filter(|(rows, account, _)| rows != account)
            {
                let (sensor, start) = interval;
                let time = jiff::Timestamp::from_millisecond(*start).unwrap_or_default();
                found.problems.push(format!(
                    "sensor {sensor}, interval of {time}: {rows} {what} are in rows, and its accounting row has {account}; {}",
                    if rows > account { "rows are there twice, or of another archive" } else { "rows are missing" }
                ));
            }
        }
    }
    Ok(found)
}

fn file_of(file: &Entry, found: &mut Checked, sums: &mut Intervals) -> Result<()> {
    let reader = Reader::open(file)?;
    let rows = reader.rows();
    let column = file.table.time_column();
    let by_statistics =
        range(&reader, column).ok_or_else(|| Error::wrong(&file.path, format!("it has no statistics of {column}")))?;
    let (mut read, mut seen) = (0, (i64::MAX, i64::MIN));
    for batch in reader.batches(BATCH)? {
        let batch = batch?;
        read += batch.num_rows() as u64;
        let times = time(&batch, column);
        for &time in times {
            seen = (seen.0.min(time), seen.1.max(time));
        }
        match file.table {
            Table::Flows => flows(&batch, found, sums),
            Table::Accounting => accounting(file, &batch, found, sums),
            Table::Payloads => payloads(&batch, found, sums),
        }
    }
    let wrong = |what: String| Err(Error::wrong(&file.path, what));
    if read != rows {
        return wrong(format!("its footer says {rows} rows, and {read} can be read"));
    }
    if seen != by_statistics {
        return wrong(format!("its statistics of {column} are not those of its rows"));
    }
    if date_of(seen.0) != file.date || date_of(seen.1) != file.date {
        return wrong(format!("it has rows of another date than {}", file.date));
    }
    Ok(())
}

fn range(reader: &Reader, column: &str) -> Option<(i64, i64)> {
    let mut all = (i64::MAX, i64::MIN);
    for group in reader.footer().row_groups() {
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column)?;
        let Some(Statistics::Int64(statistics)) = chunk.statistics() else {
            return None;
        };
        all = (all.0.min(*statistics.min_opt()?), all.1.max(*statistics.max_opt()?));
    }
    Some(all)
}

fn time<'a>(batch: &'a RecordBatch, column: &str) -> &'a [i64] {
    batch.column_by_name(column).expect("the schema was compared").as_primitive::<TimestampMillisecondType>().values()
}

fn sensors(batch: &RecordBatch) -> impl Fn(usize) -> String {
    let sensors = batch.column(0).as_dictionary::<Int32Type>();
    let names: Vec<String> =
        sensors.values().as_string::<i32>().iter().map(|name| name.unwrap_or_default().to_owned()).collect();
    let keys = sensors.keys().clone();
    move |row| {
        keys.is_valid(row)
            .then(|| usize::try_from(keys.value(row)).ok())
            .flatten()
            .and_then(|key| names.get(key).cloned())
            .unwrap_or_default()
    }
}

fn flows(batch: &RecordBatch, found: &mut Checked, sums: &mut Intervals) {
    let packets = batch.column_by_name("packets").expect("the schema was compared").as_primitive::<UInt32Type>();
    let (sensor, starts) = (sensors(batch), time(batch, "interval_start"));
    // Neighbours mostly share their interval.
    let mut run: Option<(usize, u64)> = None;
    let mut add = |row: usize, sum: u64| sums.entry((sensor(row), starts[row])).or_default().packets += sum;
    for row in 0..batch.num_rows() {
        let packets = u64::from(packets.value(row));
        found.packets += packets;
        run = match run {
            Some((first, sum))
                if starts[first] == starts[row]
                    && batch.column(0).as_dictionary::<Int32Type>().key(first)
                        == batch.column(0).as_dictionary::<Int32Type>().key(row) =>
            {
                Some((first, sum + packets))
            }
            Some((first, sum)) => {
                add(first, sum);
                Some((row, packets))
            }
            None => Some((row, packets)),
        };
    }
    if let Some((first, sum)) = run {
        add(first, sum);
    }
    found.rows += batch.num_rows() as u64;
}

fn payloads(batch: &RecordBatch, found: &mut Checked, sums: &mut Intervals) {
    let (sensor, starts) = (sensors(batch), time(batch, "interval_start"));
    for (row, start) in starts.iter().enumerate() {
        *sums.entry((sensor(row), *start)).or_default().payloads.get_or_insert(0) += 1;
    }
    found.payloads += batch.num_rows() as u64;
}

fn accounting(file: &Entry, batch: &RecordBatch, found: &mut Checked, sums: &mut Intervals) {
    let column = |name: &str| batch.column_by_name(name).expect("the schema was compared").as_primitive::<UInt64Type>();
    let (sensor, starts) = (sensors(batch), time(batch, "interval_start"));
    let [syns, packets, lost, sampled_out, dropped_by_archive] =
        ["syns", "packets", "lost", "sampled_out", "dropped_by_archive"].map(|name| column(name).values());
    let [payloads, payloads_lost] = ["payloads", "payloads_lost"].map(column);
    for row in 0..batch.num_rows() {
        let account = AccountingRow {
            syns: syns[row],
            packets: packets[row],
            lost: lost[row],
            sampled_out: sampled_out[row],
            dropped_by_archive: dropped_by_archive[row],
            ..AccountingRow::default()
        };
        if !account.is_balanced() {
            found.problems.push(format!(
                "{}: an interval of {} SYNs adds up to {}",
                file.path.display(),
                account.syns,
                account.packets + account.missing()
            ));
        }
        found.intervals += 1;
        found.syns += account.syns;
        found.missing += account.missing();
        let known = |column: &UInt64Array| column.is_valid(row).then(|| column.value(row));
        found.payloads_missing += known(payloads_lost).unwrap_or(0);
        let account = Held { packets: packets[row], payloads: known(payloads) };
        if sums.insert((sensor(row), starts[row]), account).is_some() {
            found.problems.push(format!(
                "{}: the interval that begins at {} is accounted for twice; was a capture replayed twice?",
                file.path.display(),
                jiff::Timestamp::from_millisecond(starts[row]).unwrap_or_default()
            ));
        }
    }
}
