//! Reading the accounts of a span.

use std::collections::BTreeMap;

use anyhow::Context as _;
use arrow_array::{
    DictionaryArray, RecordBatch, StringArray,
    cast::AsArray as _,
    types::{Int32Type, TimestampMillisecondType, UInt64Type},
};
use honeyxdp_archive::{Archive, Reader, Table};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{Limits, Status, judge};

const BATCH: usize = 1 << 14;
/// Ends and begins of neighbours can be this far apart, in milliseconds.
const SEAM: i64 = 1_000;

/// What was read of a sensor.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    pub(super) site: Option<String>,
    /// Begin of the newest interval, whose site counts.
    newest: i64,
    /// Times in which it counted, milliseconds since 1970.
    pub(super) counted: Vec<(i64, i64)>,
    pub(super) syns: u64,
    pub(super) not_in_rows: u64,
    /// SYNs by the date of their interval.
    pub(super) days: BTreeMap<Date, u64>,
}

/// Reads the accounts of an archive from a time on, and judges its sensors at `at`.
///
/// # Errors
/// When a file cannot be read.
pub fn read(archive: &Archive, from: Timestamp, at: Timestamp, limits: Limits) -> anyhow::Result<Status> {
    let mut sensors: BTreeMap<String, Accounts> = BTreeMap::new();
    // An interval can have begun a day before.
    let first = from.to_zoned(TimeZone::UTC).date().yesterday()?;
    for date in archive.dates(Table::Accounting)?.into_iter().filter(|date| *date >= first) {
        for file in archive.files(Table::Accounting, date)? {
            for batch in Reader::open(&file)?.batches(BATCH)? {
                accounts(&batch?, from.as_millisecond(), &mut sensors)
                    .with_context(|| format!("cannot read {}", file.path.display()))?;
            }
        }
    }
    for accounts in sensors.values_mut() {
        join(&mut accounts.counted);
    }
    sensors.retain(|_, accounts| !accounts.counted.is_empty());
    Ok(judge::judge(sensors, from, at, limits))
}

fn accounts(batch: &RecordBatch, from: i64, sensors: &mut BTreeMap<String, Accounts>) -> anyhow::Result<()> {
    let column = |name: &str| batch.column_by_name(name).with_context(|| format!("it has no column {name}"));
    let times = |name| anyhow::Ok(column(name)?.as_primitive::<TimestampMillisecondType>().values().clone());
    let numbers = |name| anyhow::Ok(column(name)?.as_primitive::<UInt64Type>().values().clone());
    let (starts, ends) = (times("interval_start")?, times("interval_end")?);
    let (syns, packets) = (numbers("syns")?, numbers("packets")?);
    let (names, sites) = (column("sensor")?.as_dictionary::<Int32Type>(), column("site")?.as_dictionary::<Int32Type>());
    for row in 0..batch.num_rows() {
        if ends[row] <= from {
            continue;
        }
        let name = word(names, row).unwrap_or_default();
        if !sensors.contains_key(name) {
            sensors.insert(name.to_owned(), Accounts { newest: i64::MIN, ..Accounts::default() });
        }
        let Some(accounts) = sensors.get_mut(name) else { continue };
        if starts[row] >= accounts.newest {
            accounts.newest = starts[row];
            let site = word(sites, row);
            if accounts.site.as_deref() != site {
                accounts.site = site.map(str::to_owned);
            }
        }
        let begin = starts[row].max(from);
        match accounts.counted.last_mut() {
            // Mostly the next one of the same file.
            Some((_, end)) if (*end..=*end + SEAM).contains(&begin) => *end = ends[row],
            _ => accounts.counted.push((begin, ends[row])),
        }
        accounts.syns += syns[row];
        accounts.not_in_rows += syns[row].saturating_sub(packets[row]);
        let date = Timestamp::from_millisecond(begin)?.to_zoned(TimeZone::UTC).date();
        *accounts.days.entry(date).or_default() += syns[row];
    }
    Ok(())
}

fn word(column: &DictionaryArray<Int32Type>, row: usize) -> Option<&str> {
    let words: &StringArray = column.values().as_string();
    column.key(row).map(|key| words.value(key))
}

/// Makes one of times that follow each other or overlap.
fn join(times: &mut Vec<(i64, i64)>) {
    times.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for &(begin, end) in times.iter() {
        match joined.last_mut() {
            Some((_, last)) if begin <= *last + SEAM => *last = end.max(*last),
            _ => joined.push((begin, end)),
        }
    }
    *times = joined;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_joined_in_any_order() {
        let mut times = vec![(5_000, 6_000), (0, 2_000), (1_000, 1_500), (2_900, 4_000), (9_000, 9_500)];
        join(&mut times);
        assert_eq!(times, [(0, 6_000), (9_000, 9_500)]);
    }
}
