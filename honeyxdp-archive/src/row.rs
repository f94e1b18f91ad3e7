//! Rows, and how they become columns.

use std::{net::IpAddr, sync::Arc};

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{TimestampMillisecondBuilder, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder},
};

use crate::{Error, Result, Table, dictionary::DictionaryBuilder, sources::Sources};

/// A row of [`Table::Flows`]. Times are milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRow {
    /// Begin of the interval that the record was drained in.
    pub interval_start: i64,
    /// Its end.
    pub interval_end: i64,
    /// Primary family.
    pub family: &'static str,
    /// Id of its rule, as `mirai/1`.
    pub rule: &'static str,
    /// The family that a pair test attributed the source to, as far as was known when the record was read.
    pub attributed: Option<&'static str>,
    /// Source address.
    pub src: IpAddr,
    /// Destination port.
    pub dport: u16,
    /// SYNs.
    pub packets: u32,
    /// Time of the first SYN.
    pub first: i64,
    /// Time of the last SYN.
    pub last: i64,
    /// All marks: bit `n` is the family with wire id `n`.
    pub matched: u16,
    /// TCP window of the first SYN.
    pub window: u16,
    /// Time to live or hop limit of the first SYN.
    pub ttl: u8,
    /// Bytes of TCP options of the first SYN, or 255 when the header claims what cannot be.
    pub options_length: u8,
    /// The first four of them, the first one in the highest byte.
    pub options_head: u32,
    /// IPv4 identification of the first SYN; 0 on IPv6.
    pub ip_id: u16,
    /// TCP sequence number of the first SYN.
    pub seq_first: u32,
    /// TCP sequence number of the last SYN.
    pub seq_last: u32,
    /// ISO 3166 code, by GeoIP at the time of writing.
    pub country: Option<[u8; 2]>,
    /// Number of the autonomous system, by GeoIP at the time of writing.
    pub asn: Option<u32>,
}

/// Who wrote rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Id of the sensor.
    pub sensor: &'a str,
    /// The place or network that it stands in, if it was told.
    pub site: Option<&'a str>,
}

/// A row of [`Table::Accounting`]: an interval. `syns == packets + lost + sampled_out + dropped_by_archive`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountingRow {
    /// Begin of the interval, in milliseconds since the Unix epoch, UTC.
    pub interval_start: i64,
    /// Its end.
    pub interval_end: i64,
    /// Frames of every kind.
    pub frames: u64,
    /// SYNs that were counted.
    pub syns: u64,
    /// SYNs in the interval's rows.
    pub packets: u64,
    /// SYNs whose records found no room on their way from the kernel.
    pub lost: u64,
    /// SYNs that sampling left without a record.
    pub sampled_out: u64,
    /// SYNs whose records were read, but could not be written: a slow or full disk.
    pub dropped_by_archive: u64,
    /// SYNs that a filter took out. They are in none of the other numbers but `frames`.
    pub filtered: u64,
    /// Payloads and logins in the interval's rows. `None` where the sensor looked at none, or did not say.
    pub payloads: Option<u64>,
    /// Those that were captured and are in no row.
    pub payloads_lost: Option<u64>,
}

impl AccountingRow {
    /// Makes one account of this interval and the next one.
    pub(crate) fn append(&mut self, next: &Self) {
        self.interval_end = next.interval_end;
        for (sum, more) in [
            (&mut self.frames, next.frames),
            (&mut self.syns, next.syns),
            (&mut self.packets, next.packets),
            (&mut self.lost, next.lost),
            (&mut self.sampled_out, next.sampled_out),
            (&mut self.dropped_by_archive, next.dropped_by_archive),
            (&mut self.filtered, next.filtered),
        ] {
            *sum += more;
        }
        for (sum, more) in [(&mut self.payloads, next.payloads), (&mut self.payloads_lost, next.payloads_lost)] {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or(0) + more);
            }
        }
    }
}

/// The rows as columns of [`Table::Flows`].
///
/// # Errors
/// When they do not fit the schema, which is a bug.
pub fn flows_batch<'a>(origin: Origin, rows: impl ExactSizeIterator<Item = &'a FlowRow>) -> Result<RecordBatch> {
    let n = rows.len();
    let time = || TimestampMillisecondBuilder::with_capacity(n).with_timezone("UTC");
    let words = || DictionaryBuilder::with_capacity(n);
    let (mut sensors, mut sites, mut families, mut rules, mut attributed, mut countries) =
        (words(), words(), words(), words(), words(), words());
    let (mut starts, mut ends, mut firsts, mut lasts) = (time(), time(), time(), time());
    let u32s = || UInt32Builder::with_capacity(n);
    let u16s = || UInt16Builder::with_capacity(n);
    let u8s = || UInt8Builder::with_capacity(n);
    let mut sources = Sources::with_capacity(n);
    let (mut dport, mut packets) = (u16s(), u32s());
    let (mut matched, mut window, mut ttl, mut length, mut head) = (u16s(), u16s(), u8s(), u8s(), u32s());
    let (mut ip_id, mut seq_first, mut seq_last, mut asn) = (u16s(), u32s(), u32s(), u32s());
    for row in rows {
        sensors.push(Some(origin.sensor));
        sites.push(origin.site);
        starts.append_value(row.interval_start);
        ends.append_value(row.interval_end);
        families.push(Some(row.family));
        rules.push(Some(row.rule));
        attributed.push(row.attributed);
        sources.push(row.src)?;
        dport.append_value(row.dport);
        packets.append_value(row.packets);
        firsts.append_value(row.first);
        lasts.append_value(row.last);
        matched.append_value(row.matched);
        window.append_value(row.window);
        ttl.append_value(row.ttl);
        length.append_value(row.options_length);
        head.append_value(row.options_head);
        ip_id.append_value(row.ip_id);
        seq_first.append_value(row.seq_first);
        seq_last.append_value(row.seq_last);
        countries.push(row.country.as_ref().and_then(|code| std::str::from_utf8(code).ok()));
        asn.append_option(row.asn);
    }
    let [src, src6] = sources.finish();
    let columns: Vec<ArrayRef> = vec![
        sensors.finish()?,
        Arc::new(starts.finish()),
        Arc::new(ends.finish()),
        families.finish()?,
        rules.finish()?,
        attributed.finish()?,
        src,
        src6,
        Arc::new(dport.finish()),
        Arc::new(packets.finish()),
        Arc::new(firsts.finish()),
        Arc::new(lasts.finish()),
        Arc::new(matched.finish()),
        Arc::new(window.finish()),
        Arc::new(ttl.finish()),
        Arc::new(length.finish()),
        Arc::new(head.finish()),
        Arc::new(ip_id.finish()),
        Arc::new(seq_first.finish()),
        Arc::new(seq_last.finish()),
        countries.finish()?,
        Arc::new(asn.finish()),
        sites.finish()?,
    ];
    RecordBatch::try_new(Table::Flows.schema(), columns).map_err(Error::from)
}

/// The rows as columns of [`Table::Accounting`].
///
/// # Errors
/// When they do not fit the schema, which is a bug.
pub fn accounting_batch<'a>(
    origin: Origin,
    rows: impl ExactSizeIterator<Item = &'a AccountingRow>,
) -> Result<RecordBatch> {
    let n = rows.len();
    let time = || TimestampMillisecondBuilder::with_capacity(n).with_timezone("UTC");
    let words = || DictionaryBuilder::with_capacity(n);
    let (mut sensors, mut sites, mut starts, mut ends) = (words(), words(), time(), time());
    let u64s = || UInt64Builder::with_capacity(n);
    let mut numbers: [UInt64Builder; 7] = std::array::from_fn(|_| u64s());
    let (mut payloads, mut payloads_lost) = (u64s(), u64s());
    for row in rows {
        sensors.push(Some(origin.sensor));
        sites.push(origin.site);
        starts.append_value(row.interval_start);
        ends.append_value(row.interval_end);
        let AccountingRow { frames, syns, packets, lost, sampled_out, dropped_by_archive, filtered, .. } = *row;
        let values = [frames, syns, packets, lost, sampled_out, dropped_by_archive, filtered];
        numbers.iter_mut().zip(values).for_each(|(column, value)| column.append_value(value));
        payloads.append_option(row.payloads);
        payloads_lost.append_option(row.payloads_lost);
    }
    let mut columns: Vec<ArrayRef> = vec![sensors.finish()?, Arc::new(starts.finish()), Arc::new(ends.finish())];
    numbers
        .iter_mut()
        .chain([&mut payloads, &mut payloads_lost])
        .for_each(|column| columns.push(Arc::new(column.finish())));
    columns.push(sites.finish()?);
    RecordBatch::try_new(Table::Accounting.schema(), columns).map_err(Error::from)
}
