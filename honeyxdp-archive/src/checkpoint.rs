//! Checkpoints: how far a sensor's intervals are accounted for, so that the next process continues exactly there.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{
    RecordBatch,
    cast::AsArray as _,
    types::{TimestampMillisecondType, UInt32Type},
};

use crate::{AccountingRow, Archive, Counters, Entry, FileName, Reader, Result, Table};

/// Key of the checkpoint in the footer of an accounting file.
pub(crate) const CHECKPOINT_KEY: &str = "honeyxdp.checkpoint";
const HOUR_MS: u64 = 3_600_000;
const BATCH: usize = 1 << 15;

/// The counters at the end of the last interval of an accounting file; in the footer of that file.
///
/// Counters on pins outlive the process. The next process accounts for what came since then, no more and no less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// When the counters began at zero, in milliseconds since the Unix epoch: identifies the run.
    pub run: i64,
    /// End of the interval, in milliseconds since the Unix epoch.
    pub until: i64,
    /// The counters at that time.
    pub counters: Counters,
}

impl Checkpoint {
    pub(crate) fn footer(&self) -> String {
        let Self { run, until, counters: Counters { frames, syns, lost, sampled_out, filtered } } = self;
        format!("{run} {until} {frames} {syns} {lost} {sampled_out} {filtered}")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (run, until) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let mut next = || words.next()?.parse().ok();
        let counters =
            Counters { frames: next()?, syns: next()?, lost: next()?, sampled_out: next()?, filtered: next()? };
        Some(Self { run, until, counters })
    }
}

impl Reader {
    /// The checkpoint in the footer of an accounting file.
    pub(crate) fn checkpoint(&self) -> Option<Checkpoint> {
        let pairs = self.footer().file_metadata().key_value_metadata()?;
        Checkpoint::parse(pairs.iter().find(|pair| pair.key == CHECKPOINT_KEY)?.value.as_deref()?)
    }
}

impl Archive {
    /// The newest checkpoint of a sensor. Files that cannot be read are passed over.
    ///
    /// # Errors
    /// Returns an error if a directory cannot be read.
    pub fn checkpoint(&self, sensor: &str) -> Result<Option<Checkpoint>> {
        let files = self.newest(Table::Accounting, sensor)?;
        Ok(files.iter().find_map(|file| Reader::open(file).ok()?.checkpoint()))
    }

    /// Accounting rows for intervals of a sensor that have rows and no accounting row: the process was killed between the two files.
    /// They are derived from the rows, ascending by time. No writer of the sensor may be open. Files that cannot be read are passed
    /// over.
    ///
    /// # Errors
    /// Returns an error if a directory cannot be read.
    pub fn unaccounted(&self, sensor: &str) -> Result<Vec<AccountingRow>> {
        let accounting = self.newest(Table::Accounting, sensor)?;
        // Rows are written before their accounting row, so only young files can lack one. Numbers are milliseconds.
        let young = accounting.first().map_or(0, |file| file.name.last.saturating_sub(HOUR_MS));
        let mut accounted: BTreeSet<i64> = BTreeSet::new();
        for file in accounting.iter().take_while(|file| file.name.last >= young.saturating_sub(HOUR_MS)) {
            for batch in readable(file) {
                let starts = batch.column_by_name("interval_start").expect("the schema was compared");
                accounted.extend(starts.as_primitive::<TimestampMillisecondType>().values());
            }
        }
        let mut found: BTreeMap<i64, AccountingRow> = BTreeMap::new();
        for table in [Table::Flows, Table::Payloads] {
            let files = self.newest(table, sensor)?;
            for file in files.iter().take_while(|file| file.name.last >= young).filter(|file| file.name.level == 0) {
                for batch in readable(file) {
                    account_for(table, &batch, &accounted, &mut found);
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// The files of a sensor that count, the newest first.
    fn newest(&self, table: Table, sensor: &str) -> Result<Vec<Entry>> {
        let sensor = FileName::sensor_of(sensor);
        let mut files = Vec::new();
        for date in self.dates(table)? {
            files.extend(self.files(table, date)?.into_iter().filter(|file| file.name.sensor == sensor));
        }
        files.sort_by_key(|file| std::cmp::Reverse(file.name.last));
        Ok(files)
    }
}

/// Adds rows to the accounting rows of their intervals, unless these are accounted for.
fn account_for(table: Table, batch: &RecordBatch, accounted: &BTreeSet<i64>, found: &mut BTreeMap<i64, AccountingRow>) {
    let column = |name: &str| batch.column_by_name(name).expect("the schema was compared");
    let times = |name: &str| column(name).as_primitive::<TimestampMillisecondType>().values();
    let (ends, packets) = match table {
        Table::Flows => (times("interval_end"), Some(column("packets").as_primitive::<UInt32Type>().values())),
        _ => (times("time"), None),
    };
    for (row, (&start, &end)) in times("interval_start").iter().zip(ends).enumerate() {
        if accounted.contains(&start) {
            continue;
        }
        let account = found.entry(start).or_insert(AccountingRow { interval_start: start, ..AccountingRow::default() });
        account.interval_end = account.interval_end.max(end);
        match packets {
            Some(packets) => account.add_packets(u64::from(packets[row])),
            None => *account.payloads.get_or_insert(0) += 1,
        }
    }
}

/// The rows of a file, as far as they can be read.
fn readable(file: &Entry) -> impl Iterator<Item = RecordBatch> {
    Reader::open(file).and_then(|reader| reader.batches(BATCH)).into_iter().flatten().map_while(Result::ok)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::{FlowRow, Writer, compact};

    const MINUTE: i64 = 60_000;
    /// 2019-11-05T23:59:00Z.
    const START: i64 = 1_572_998_340_000;

    fn row(interval_start: i64, packets: u32) -> FlowRow {
        FlowRow {
            interval_start,
            interval_end: interval_start + MINUTE,
            family: "mirai",
            rule_id: "mirai/1",
            attributed_family: None,
            protocol: crate::TCP,
            src: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)),
            src_port_first: None,
            src_port_last: None,
            dst_port: 23,
            packets,
            first_seen: interval_start,
            last_seen: interval_start + MINUTE,
            matched: 1,
            tcp_window: 1,
            ttl: 2,
            dont_fragment: None,
            options_length: 0,
            options_head: 0,
            ip_id: 3,
            seq_first: 4,
            seq_last: 5,
            country: None,
            asn: None,
        }
    }

    fn account(interval_start: i64, packets: u64) -> AccountingRow {
        let interval_end = interval_start + MINUTE;
        AccountingRow {
            interval_start,
            interval_end,
            frames: packets,
            syns: packets,
            packets,
            ..AccountingRow::default()
        }
    }

    fn counters(syns: u64) -> Counters {
        Counters { frames: syns + 5, syns, lost: 1, sampled_out: 2, filtered: 3 }
    }

    #[test]
    fn newest_checkpoint_survives_compaction() {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::new(directory.path());
        let mut writer = Writer::open(&archive, "a", 10).unwrap();
        assert_eq!(archive.checkpoint("a").unwrap(), None);
        // Two intervals of one date, and one of the next: two files.
        for n in 0..3 {
            let start = START + n * MINUTE / 2;
            writer.account(account(start, 0));
            writer.checkpoint(Checkpoint {
                run: 7,
                until: start + MINUTE,
                counters: counters(u64::try_from(n).unwrap()),
            });
        }
        writer.flush().unwrap();
        let newest = Checkpoint { run: 7, until: START + 2 * MINUTE, counters: counters(2) };
        assert_eq!(archive.checkpoint("a").unwrap(), Some(newest));
        assert_eq!(archive.checkpoint("b").unwrap(), None);

        // A replay has no checkpoint, and does not hide the former one.
        writer.account(account(START + 9 * MINUTE, 0));
        writer.flush().unwrap();
        drop(writer);
        let next_day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
        assert!(compact(&archive, next_day, |_| {}).unwrap().merged > 0);
        assert_eq!(archive.checkpoint("a").unwrap(), Some(newest));
    }

    #[test]
    fn derives_missing_accounting_from_rows() {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::new(directory.path());
        let mut writer = Writer::open(&archive, "a", 10).unwrap();
        writer.push(row(START, 3)).unwrap();
        writer.account(account(START, 3));
        writer.flush().unwrap();
        assert_eq!(archive.unaccounted("a").unwrap(), []);
        writer.push(row(START + MINUTE, 5)).unwrap();
        writer.push(row(START + MINUTE, 6)).unwrap();
        writer.push(row(START + 2 * MINUTE, 7)).unwrap();
        writer.flush_rows().unwrap();
        let found = archive.unaccounted("a").unwrap();
        assert_eq!(found, [account(START + MINUTE, 11), account(START + 2 * MINUTE, 7)]);
        assert_eq!(archive.unaccounted("b").unwrap(), []);
        for row in found {
            writer.account(row);
        }
        writer.flush().unwrap();
        assert_eq!(archive.unaccounted("a").unwrap(), []);
        assert_eq!(crate::check(&archive).unwrap().problems, [""; 0]);
    }

    #[test]
    fn joined_accounting_keeps_the_last_checkpoint() {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::new(directory.path());
        let mut writer = Writer::open(&archive, "a", 10).unwrap();
        for n in 0..5 {
            let start = START - n * MINUTE;
            writer.account(account(start, 1));
            writer.checkpoint(Checkpoint {
                run: 7,
                until: start + MINUTE,
                counters: counters(u64::try_from(n).unwrap()),
            });
        }
        writer.bound_accounting(2);
        assert_eq!(writer.accounting().len(), 2);
        assert_eq!(writer.accounting().iter().map(|row| row.syns).sum::<u64>(), 5);
        writer.flush().unwrap();
        assert_eq!(archive.checkpoint("a").unwrap().map(|checkpoint| checkpoint.counters.syns), Some(4));
    }
}
