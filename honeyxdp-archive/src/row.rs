//! Rows of flows and accounting, and their conversion to columns.

use std::{net::IpAddr, sync::Arc};

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{BooleanBuilder, TimestampMillisecondBuilder, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder},
    new_null_array,
};

use crate::{Error, Result, Table, dictionary::DictionaryBuilder, schema, sources::Sources};

/// A row of [`Table::Flows`]. Times are milliseconds since the Unix epoch, UTC. Header fields are in host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRow {
    /// Start of the interval in which the record was drained.
    pub interval_start: i64,
    /// End of that interval.
    pub interval_end: i64,
    /// Primary family.
    pub family: &'static str,
    /// Id of the fingerprint's rule, such as `mirai/1`.
    pub rule_id: &'static str,
    /// Family that a multi-packet fingerprint attributed the source to, as known when the record was read.
    pub attributed_family: Option<&'static str>,
    /// IP protocol, [`crate::TCP`].
    pub protocol: u8,
    /// Source address.
    pub src: IpAddr,
    /// Source port of the first SYN.
    pub src_port_first: Option<u16>,
    /// Source port of the last SYN.
    pub src_port_last: Option<u16>,
    /// Destination port.
    pub dst_port: u16,
    /// SYNs.
    pub packets: u32,
    /// Time of the first SYN.
    pub first_seen: i64,
    /// Time of the last SYN.
    pub last_seen: i64,
    /// Families of all matching fingerprints: bit `n` is the family with wire id `n`.
    pub matched: u16,
    /// TCP window of the first SYN.
    pub tcp_window: u16,
    /// Time to live or hop limit of the first SYN.
    pub ttl: u8,
    /// Whether the first SYN had IPv4's "don't fragment" set. `None` over IPv6.
    pub dont_fragment: Option<bool>,
    /// Bytes of TCP options of the first SYN; 255 if the header claims an impossible length.
    pub options_length: u8,
    /// The first four bytes of the options, the first in the most significant byte.
    pub options_head: u32,
    /// IPv4 identification of the first SYN; 0 over IPv6.
    pub ip_id: u16,
    /// TCP sequence number of the first SYN.
    pub seq_first: u32,
    /// TCP sequence number of the last SYN.
    pub seq_last: u32,
    /// ISO 3166 code of the source, by GeoIP at the time of writing.
    pub country: Option<[u8; 2]>,
    /// Autonomous system number of the source, by GeoIP at the time of writing.
    pub asn: Option<u32>,
}

/// The sensor that wrote rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Id of the sensor.
    pub sensor: &'a str,
    /// Place or network of the sensor, from `--site`.
    pub site: Option<&'a str>,
}

/// A row of [`Table::Accounting`]: one interval. `syns == packets + lost + sampled_out + dropped_by_archive`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountingRow {
    /// Start of the interval, in milliseconds since the Unix epoch, UTC.
    pub interval_start: i64,
    /// End of the interval.
    pub interval_end: i64,
    /// Frames of every kind.
    pub frames: u64,
    /// Counted SYNs.
    pub syns: u64,
    /// SYNs in the interval's rows.
    pub packets: u64,
    /// SYNs whose records were dropped because a kernel ring was full.
    pub lost: u64,
    /// SYNs left without a record by sampling.
    pub sampled_out: u64,
    /// SYNs whose records were read but not written: the disk was slow or full, or the process was killed.
    pub dropped_by_archive: u64,
    /// SYNs removed by a filter. Of the other numbers only `frames` includes them.
    pub filtered: u64,
    /// Payloads and logins in the interval's rows. `None` if payload capture was off.
    pub payloads: Option<u64>,
    /// Captured payloads and logins that are in no row.
    pub payloads_lost: Option<u64>,
}

/// Counters of a sensor from which its accounting rows are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames of every kind.
    pub frames: u64,
    /// Counted SYNs.
    pub syns: u64,
    /// SYNs whose records were dropped because a kernel ring was full.
    pub lost: u64,
    /// SYNs left without a record by sampling.
    pub sampled_out: u64,
    /// SYNs removed by a filter.
    pub filtered: u64,
}

impl Counters {
    /// The difference to earlier counters.
    pub const fn since(&self, before: &Self) -> Self {
        Self {
            frames: self.frames.saturating_sub(before.frames),
            syns: self.syns.saturating_sub(before.syns),
            lost: self.lost.saturating_sub(before.lost),
            sampled_out: self.sampled_out.saturating_sub(before.sampled_out),
            filtered: self.filtered.saturating_sub(before.filtered),
        }
    }
}

impl AccountingRow {
    /// The row of an interval with these counters, of which `packets` SYNs were queued for the archive. SYNs that were neither queued,
    /// lost nor sampled out are dropped by the archive: the queue was full, or an earlier process was killed after reading them.
    pub const fn balanced(interval_start: i64, interval_end: i64, counted: Counters, packets: u64) -> Self {
        let Counters { frames, syns, lost, sampled_out, filtered } = counted;
        Self {
            interval_start,
            interval_end,
            frames,
            syns,
            packets,
            lost,
            sampled_out,
            dropped_by_archive: syns.saturating_sub(packets + lost + sampled_out),
            filtered,
            payloads: None,
            payloads_lost: None,
        }
    }

    /// SYNs that are in no row: lost, sampled out or dropped by the archive.
    pub const fn missing(&self) -> u64 {
        self.lost + self.sampled_out + self.dropped_by_archive
    }

    /// Whether `syns == packets + lost + sampled_out + dropped_by_archive`.
    pub const fn is_balanced(&self) -> bool {
        self.syns == self.packets + self.missing()
    }

    /// Moves SYNs whose rows could not be written from `packets` to `dropped_by_archive`.
    pub const fn drop_packets(&mut self, packets: u64) {
        self.packets = self.packets.saturating_sub(packets);
        self.dropped_by_archive += packets;
    }

    /// Moves payloads that could not be written from `payloads` to `payloads_lost`.
    pub fn drop_payloads(&mut self, payloads: u64) {
        self.payloads = Some(self.payloads.unwrap_or(0).saturating_sub(payloads));
        self.payloads_lost = Some(self.payloads_lost.unwrap_or(0) + payloads);
    }

    /// Adds SYNs in rows of an interval of which nothing else is known.
    pub(crate) const fn add_packets(&mut self, packets: u64) {
        self.frames += packets;
        self.syns += packets;
        self.packets += packets;
    }

    /// Extends the row by the next interval.
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

/// Converts rows to the columns of [`Table::Flows`]. `option_layout` is null: nothing fills it yet.
///
/// # Errors
/// Returns an error if the columns do not fit the schema, which is a bug.
pub fn flows_batch<'a>(origin: Origin, rows: impl ExactSizeIterator<Item = &'a FlowRow>) -> Result<RecordBatch> {
    let n = rows.len();
    let time = || TimestampMillisecondBuilder::with_capacity(n).with_timezone("UTC");
    let dictionary = || DictionaryBuilder::with_capacity(n);
    let u32s = || UInt32Builder::with_capacity(n);
    let u16s = || UInt16Builder::with_capacity(n);
    let u8s = || UInt8Builder::with_capacity(n);
    let (mut sensor, mut site, mut family, mut rule_id) = (dictionary(), dictionary(), dictionary(), dictionary());
    let (mut attributed_family, mut country) = (dictionary(), dictionary());
    let (mut interval_start, mut interval_end, mut first_seen, mut last_seen) = (time(), time(), time(), time());
    let mut sources = Sources::with_capacity(n);
    let (mut src_port_first, mut src_port_last, mut dst_port) = (u16s(), u16s(), u16s());
    let (mut protocol, mut packets, mut matched, mut tcp_window) = (u8s(), u32s(), u16s(), u16s());
    let (mut ttl, mut dont_fragment) = (u8s(), BooleanBuilder::with_capacity(n));
    let (mut options_length, mut options_head) = (u8s(), u32s());
    let (mut ip_id, mut seq_first, mut seq_last, mut asn) = (u16s(), u32s(), u32s(), u32s());
    for row in rows {
        sensor.push(Some(origin.sensor));
        site.push(origin.site);
        interval_start.append_value(row.interval_start);
        interval_end.append_value(row.interval_end);
        family.push(Some(row.family));
        rule_id.push(Some(row.rule_id));
        attributed_family.push(row.attributed_family);
        protocol.append_value(row.protocol);
        sources.push(row.src)?;
        src_port_first.append_option(row.src_port_first);
        src_port_last.append_option(row.src_port_last);
        dst_port.append_value(row.dst_port);
        packets.append_value(row.packets);
        first_seen.append_value(row.first_seen);
        last_seen.append_value(row.last_seen);
        matched.append_value(row.matched);
        tcp_window.append_value(row.tcp_window);
        ttl.append_value(row.ttl);
        dont_fragment.append_option(row.dont_fragment);
        options_length.append_value(row.options_length);
        options_head.append_value(row.options_head);
        ip_id.append_value(row.ip_id);
        seq_first.append_value(row.seq_first);
        seq_last.append_value(row.seq_last);
        country.push(row.country.as_ref().and_then(|code| std::str::from_utf8(code).ok()));
        asn.append_option(row.asn);
    }
    let [src, src6] = sources.finish();
    let columns: Vec<ArrayRef> = vec![
        sensor.finish()?,
        site.finish()?,
        Arc::new(interval_start.finish()),
        Arc::new(interval_end.finish()),
        family.finish()?,
        rule_id.finish()?,
        attributed_family.finish()?,
        Arc::new(protocol.finish()),
        src,
        src6,
        Arc::new(src_port_first.finish()),
        Arc::new(src_port_last.finish()),
        Arc::new(dst_port.finish()),
        Arc::new(packets.finish()),
        Arc::new(first_seen.finish()),
        Arc::new(last_seen.finish()),
        Arc::new(matched.finish()),
        Arc::new(tcp_window.finish()),
        Arc::new(ttl.finish()),
        Arc::new(dont_fragment.finish()),
        new_null_array(&schema::dictionary(), n),
        Arc::new(options_length.finish()),
        Arc::new(options_head.finish()),
        Arc::new(ip_id.finish()),
        Arc::new(seq_first.finish()),
        Arc::new(seq_last.finish()),
        country.finish()?,
        Arc::new(asn.finish()),
    ];
    RecordBatch::try_new(Table::Flows.schema(), columns).map_err(Error::from)
}

/// Converts rows to the columns of [`Table::Accounting`].
///
/// # Errors
/// Returns an error if the columns do not fit the schema, which is a bug.
pub fn accounting_batch<'a>(
    origin: Origin,
    rows: impl ExactSizeIterator<Item = &'a AccountingRow>,
) -> Result<RecordBatch> {
    let n = rows.len();
    let time = || TimestampMillisecondBuilder::with_capacity(n).with_timezone("UTC");
    let dictionary = || DictionaryBuilder::with_capacity(n);
    let (mut sensor, mut site, mut interval_start, mut interval_end) = (dictionary(), dictionary(), time(), time());
    let u64s = || UInt64Builder::with_capacity(n);
    let mut numbers: [UInt64Builder; 7] = std::array::from_fn(|_| u64s());
    let (mut payloads, mut payloads_lost) = (u64s(), u64s());
    for row in rows {
        sensor.push(Some(origin.sensor));
        site.push(origin.site);
        interval_start.append_value(row.interval_start);
        interval_end.append_value(row.interval_end);
        let AccountingRow { frames, syns, packets, lost, sampled_out, dropped_by_archive, filtered, .. } = *row;
        let values = [frames, syns, packets, lost, sampled_out, dropped_by_archive, filtered];
        numbers.iter_mut().zip(values).for_each(|(column, value)| column.append_value(value));
        payloads.append_option(row.payloads);
        payloads_lost.append_option(row.payloads_lost);
    }
    let mut columns: Vec<ArrayRef> =
        vec![sensor.finish()?, site.finish()?, Arc::new(interval_start.finish()), Arc::new(interval_end.finish())];
    numbers
        .iter_mut()
        .chain([&mut payloads, &mut payloads_lost])
        .for_each(|column| columns.push(Arc::new(column.finish())));
    RecordBatch::try_new(Table::Accounting.schema(), columns).map_err(Error::from)
}
