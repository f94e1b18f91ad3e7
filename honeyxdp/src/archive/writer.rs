//! The writer's end: a thread that converts records to rows, adds country and network, and writes files.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use honeyxdp_archive::{AccountingRow, Archive, FlowRow, Geo, PayloadRow, Retention, Writer, compact, prune};
use honeyxdp_common::flow::Flow;
use jiff::Timestamp;

use super::{
    accounting::{Earlier, Interval},
    queue::{ArchiveQueue, Message, RECORDS_OF_A_PAYLOAD, Record},
    ticks::{Jiffies, Ticks},
};

/// Rows in memory: 36 MiB, and as much while a file is written.
const MOST_ROWS: usize = 1 << 18;
/// Maximum accounting rows in memory while the disk is full: 12 days of 10 seconds.
const MOST_INTERVALS: usize = 100_000;
/// Intervals without rows share a file.
const PATIENT_INTERVALS: usize = 60;
/// How long the end waits for the disk.
const PATIENCE: Duration = Duration::from_secs(20);
/// The end of the current interval, which is not known yet.
const OPEN: i64 = i64::MIN;
/// Time between two compactions.
const UPKEEP: Duration = Duration::from_mins(10);

/// Settings of an archive.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory of the archive.
    pub directory: PathBuf,
    /// Id of the sensor.
    pub sensor: String,
    /// Place or network of the sensor.
    pub site: Option<String>,
    /// MMDB file with the countries of addresses.
    pub country: Option<PathBuf>,
    /// MMDB file with the networks of addresses.
    pub asn: Option<PathBuf>,
    /// Retention, if files are merged and old ones removed while the sensor runs.
    pub upkeep: Option<Retention>,
    /// Whether records come from the kernel, not from captures.
    pub live: bool,
}

/// The thread that writes the archive.
#[derive(Debug)]
pub struct Archiver {
    sender: mpsc::Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// An open archive; its thread does not run yet.
#[derive(Debug)]
pub struct Opened {
    writer: ArchiveWriter,
    jiffies: Option<Jiffies>,
    earlier: Option<Earlier>,
}

impl Options {
    /// Opens everything, and makes a missing directory.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be written, another process writes there, the archive was written by honeyxdp 0.1.0,
    /// or an MMDB file cannot be read.
    pub fn open(&self) -> anyhow::Result<Opened> {
        let archive = Archive::new(&self.directory);
        let mut writer = Writer::open(&archive, &self.sensor, MOST_ROWS)
            .with_context(|| format!("cannot write to the archive {}", self.directory.display()))?;
        writer.at_site(self.site.as_deref());
        let earlier = if self.live { catch_up(&archive, &mut writer, &self.sensor)? } else { None };
        let geo = Geo::open(self.country.as_deref(), self.asn.as_deref())?;
        let writer = ArchiveWriter {
            archive,
            writer,
            geo,
            queued: Arc::default(),
            discarded: BTreeMap::new(),
            discarded_payloads: BTreeMap::new(),
            trouble: false,
            dropped_by_archive: 0,
            failed: false,
            upkeep: self.upkeep.map(|retention| (retention, Instant::now(), None)),
        };
        // Now, while the process has the capabilities for it.
        Ok(Opened { writer, jiffies: self.live.then(Jiffies::find), earlier })
    }
}

impl Opened {
    /// Starts the thread.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be started.
    pub fn start(self) -> anyhow::Result<(Archiver, ArchiveQueue)> {
        let Self { mut writer, jiffies, earlier } = self;
        let (sender, messages) = mpsc::channel();
        let queue = ArchiveQueue::new(sender.clone(), Arc::clone(&writer.queued), jiffies, earlier);
        let thread = thread::Builder::new()
            .name("archive".to_owned())
            .spawn(move || writer.work(&messages))
            .context("cannot start a thread for the archive")?;
        Ok((Archiver { sender, thread: Some(thread) }, queue))
    }
}

impl Archiver {
    /// Writes everything in the queue and ends. Returns whether all of it was written.
    pub fn end(mut self) -> bool {
        let (answer, answered) = mpsc::channel();
        if self.sender.send(Message::End(answer)).is_err() {
            return false;
        }
        match answered.recv_timeout(PATIENCE) {
            Ok(all) => {
                let joined = self.thread.take().is_none_or(|thread| thread.join().is_ok());
                all && joined
            }
            Err(_) => {
                tracing::warn!("the archive's disk is too slow: rows in memory are dropped");
                false
            }
        }
    }
}

/// Retention, time of the last compaction, and its thread.
type Upkeep = (Retention, Instant, Option<JoinHandle<()>>);

#[derive(Debug)]
struct ArchiveWriter {
    archive: Archive,
    writer: Writer,
    geo: Geo,
    queued: Arc<AtomicUsize>,
    /// SYNs in rows that were dropped, by the start of their interval, until its accounting row comes.
    discarded: BTreeMap<i64, u64>,
    /// Payloads that were dropped, likewise.
    discarded_payloads: BTreeMap<i64, u64>,
    /// Whether the last attempt to write failed.
    trouble: bool,
    /// SYNs dropped since the last warning.
    dropped_by_archive: u64,
    /// Whether anything was dropped since the start.
    failed: bool,
    upkeep: Option<Upkeep>,
}

impl ArchiveWriter {
    fn work(&mut self, messages: &mpsc::Receiver<Message>) {
        for message in messages {
            match message {
                Message::Records(records, ticks, start) => {
                    let number = records.len();
                    self.records(&records, &ticks, start);
                    self.queued.fetch_sub(number, Ordering::AcqRel);
                }
                Message::PayloadRow(payload) => {
                    self.payload(*payload);
                    self.queued.fetch_sub(RECORDS_OF_A_PAYLOAD, Ordering::AcqRel);
                }
                Message::Open(interval, answer) => {
                    self.interval(interval);
                    self.write();
                    // The other end may have stopped waiting.
                    let _ = answer.send(());
                }
                Message::Interval(interval) => self.interval(interval),
                Message::End(answer) => {
                    self.write();
                    self.warn_of_drops();
                    let all = !self.failed
                        && self.writer.rows().is_empty()
                        && self.writer.payloads().is_empty()
                        && self.writer.accounting().is_empty();
                    // The other end may have stopped waiting.
                    let _ = answer.send(all);
                    return;
                }
            }
        }
    }

    fn records(&mut self, records: &[Record], ticks: &Ticks, start: i64) {
        for (flow, attributed) in records {
            if self.writer.is_full() {
                self.spill();
            }
            let row = row(flow, attributed.map(|pair| pair.family().name()), ticks, start, &self.geo);
            // There is room now: the rows were written or dropped.
            if self.writer.push(row).is_err() {
                self.drop_rows();
            }
        }
    }

    fn payload(&mut self, mut payload: PayloadRow) {
        let place = self.geo.place(payload.src);
        (payload.country, payload.asn) = (place.country, place.asn);
        let start = payload.interval_start;
        if let Err(error) = self.writer.push_payload(payload) {
            self.complain(&error);
            let starts = self.writer.payloads().iter().map(|payload| payload.interval_start);
            for start in starts.chain([start]) {
                *self.discarded_payloads.entry(start).or_default() += 1;
            }
            self.writer.discard_payloads();
            for row in self.writer.accounting_mut() {
                settle_payloads(&mut self.discarded_payloads, row);
            }
        }
    }

    /// Memory is full: the rows are written now, as those of an interval that ends with the last of them, or dropped.
    fn spill(&mut self) {
        let end = self.writer.rows().iter().map(|row| row.last_seen).max().unwrap_or_default();
        self.close(end);
        if let Err(error) = self.writer.flush_rows() {
            self.complain(&error);
            self.drop_rows();
        }
    }

    fn close(&mut self, end: i64) {
        for row in self.writer.rows_mut().iter_mut().filter(|row| row.interval_end == OPEN) {
            row.interval_end = end.max(row.interval_start);
        }
    }

    fn drop_rows(&mut self) {
        for row in self.writer.rows() {
            *self.discarded.entry(row.interval_start).or_default() += u64::from(row.packets);
        }
        self.writer.discard();
        for row in self.writer.accounting_mut() {
            self.dropped_by_archive += settle(&mut self.discarded, row);
        }
    }

    fn interval(&mut self, interval: Interval) {
        let Interval { mut row, dropped, checkpoint } = interval;
        self.close(row.interval_end);
        let inherited = row.dropped_by_archive.saturating_sub(dropped);
        if inherited > 0 {
            tracing::warn!(
                "{inherited} SYNs are not in the archive: the previous process was killed after reading them; the accounting table \
                 counts them as dropped_by_archive, and all other outputs include them"
            );
        }
        self.dropped_by_archive += dropped + settle(&mut self.discarded, &mut row);
        settle_payloads(&mut self.discarded_payloads, &mut row);
        self.writer.account(row);
        if let Some(checkpoint) = checkpoint {
            self.writer.checkpoint(checkpoint);
        }
        self.writer.bound_accounting(MOST_INTERVALS);
        if let Err(error) = self.geo.refresh() {
            tracing::warn!("{error}; countries and networks come from the file that was read before");
        }
        if !self.writer.rows().is_empty()
            || !self.writer.payloads().is_empty()
            || self.writer.accounting().len() >= PATIENT_INTERVALS
            || self.trouble
        {
            self.write();
        }
        self.warn_of_drops();
        self.look_after();
    }

    fn write(&mut self) {
        match self.writer.flush() {
            Ok(()) if self.trouble => {
                self.trouble = false;
                tracing::warn!("the archive can be written again");
            }
            Ok(()) => {}
            Err(error) => self.complain(&error),
        }
    }

    /// Warns once until the disk recovers.
    fn complain(&mut self, error: &honeyxdp_archive::Error) {
        if !self.trouble {
            tracing::warn!(
                "the archive cannot be written: {error}; counting continues, rows wait in memory while there is room, and every \
                 interval retries"
            );
        }
        self.trouble = true;
    }

    fn warn_of_drops(&mut self) {
        let syns = std::mem::take(&mut self.dropped_by_archive);
        if syns > 0 {
            self.failed = true;
            tracing::warn!(
                "{syns} SYNs are not in the archive, because its disk is full or too slow; the accounting table counts them as \
                 dropped_by_archive, and all other outputs include them"
            );
        }
    }

    /// Merges files and removes old ones in a thread of its own.
    fn look_after(&mut self) {
        let Some((retention, last, thread)) = &mut self.upkeep else {
            return;
        };
        if last.elapsed() < UPKEEP || thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        *last = Instant::now();
        let (archive, retention) = (self.archive.clone(), *retention);
        let work = move || {
            let now = Timestamp::now();
            let compacted = compact(&archive, now, |_| {}).map(drop);
            if let Err(error) = compacted.and_then(|()| prune(&archive, &retention, now).map(drop)) {
                tracing::warn!("the archive's files were not merged: {error}");
            }
        };
        *thread = thread::Builder::new().name("compaction".to_owned()).spawn(work).ok();
    }
}

/// Moves dropped payloads of an interval from `payloads` to `payloads_lost`.
fn settle_payloads(discarded: &mut BTreeMap<i64, u64>, row: &mut AccountingRow) {
    if let Some(payloads) = discarded.remove(&row.interval_start) {
        row.drop_payloads(payloads);
    }
}

/// Moves dropped SYNs of an interval from `packets` to `dropped_by_archive`. Returns their number.
fn settle(discarded: &mut BTreeMap<i64, u64>, row: &mut AccountingRow) -> u64 {
    let packets = discarded.remove(&row.interval_start).unwrap_or(0);
    row.drop_packets(packets);
    packets
}

/// Writes the accounting rows that an earlier process left out: it was killed between rows and accounting.
fn catch_up(archive: &Archive, writer: &mut Writer, sensor: &str) -> anyhow::Result<Option<Earlier>> {
    let checkpoint = archive.checkpoint(sensor)?;
    let (mut end, mut packets) = (i64::MIN, 0);
    for row in archive.unaccounted(sensor)? {
        // The next interval begins there, and no two may begin together.
        end = end.max(row.interval_end).max(row.interval_start + 1);
        packets += row.packets;
        writer.account(row);
    }
    Ok(checkpoint.map(|checkpoint| Earlier { checkpoint, end, packets }))
}

fn row(flow: &Flow, attributed: Option<&'static str>, ticks: &Ticks, start: i64, geo: &Geo) -> FlowRow {
    let family = flow.family();
    let rules = family.rules();
    let src =
        if flow.is_v4() { IpAddr::V4(flow.src.v4().into()) } else { IpAddr::V6(Ipv6Addr::from_bits(flow.src.v6())) };
    let place = if geo.is_empty() { honeyxdp_archive::Location::default() } else { geo.place(src) };
    let first = ticks.at(flow.first_tick);
    FlowRow {
        interval_start: start,
        interval_end: OPEN,
        family: family.name(),
        // A second rule is that for IPv6.
        rule_id: rules.get(usize::from(!flow.is_v4())).unwrap_or(&rules[0]).id,
        attributed_family: attributed,
        src,
        protocol: honeyxdp_archive::TCP,
        src_port_first: Some(flow.first_sport),
        src_port_last: Some(flow.last_sport),
        dst_port: flow.dport(),
        packets: flow.packets,
        first_seen: first,
        last_seen: ticks.at(flow.last_tick).max(first),
        matched: u16::try_from(flow.matched()).unwrap_or(u16::MAX),
        tcp_window: flow.window,
        ttl: flow.ttl,
        dont_fragment: flow.is_v4().then(|| flow.dont_fragment()),
        options_length: flow.options_length,
        options_head: flow.options_head,
        ip_id: flow.ip_id,
        seq_first: flow.first_seq,
        seq_last: flow.last_seq,
        country: place.country,
        asn: place.asn,
    }
}
