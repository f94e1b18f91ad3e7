//! The writer's end: a thread that makes rows of records, adds country and network, and writes files.

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
    queue::{ArchiveQueue, Before, Interval, Message, RECORDS_OF_A_PAYLOAD, Record},
    ticks::{Jiffies, Ticks},
};

/// Rows in memory: 36 MiB, and as much while a file is written.
const MOST_ROWS: usize = 1 << 18;
/// Intervals that are accounted for in memory while the disk is full: 12 days of 10 seconds.
const MOST_LOSSES: usize = 100_000;
/// Intervals without rows share a file.
const PATIENT_LOSSES: usize = 60;
/// How long the end waits for the disk.
const PATIENCE: Duration = Duration::from_secs(20);
/// The end of an interval is not known while rows of it are put down.
const OPEN: i64 = i64::MIN;
/// Time between two times that files are merged and old ones removed.
const UPKEEP: Duration = Duration::from_mins(10);

/// Where an archive is, and what goes into it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its directory.
    pub directory: PathBuf,
    /// Id of the sensor.
    pub sensor: String,
    /// The place or network that it stands in.
    pub site: Option<String>,
    /// File with the countries of addresses.
    pub country: Option<PathBuf>,
    /// File with the networks of addresses.
    pub asn: Option<PathBuf>,
    /// Whether files are merged, and old ones removed, while it runs.
    pub upkeep: Option<Retention>,
    /// Whether records are the kernel's, or those of captures.
    pub live: bool,
}

/// The thread that writes.
#[derive(Debug)]
pub struct Archiver {
    sender: mpsc::Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// An archive that was opened; nothing runs yet.
#[derive(Debug)]
pub struct Opened {
    writer: ArchiveWriter,
    jiffies: Option<Jiffies>,
    known: Option<Before>,
}

impl Options {
    /// Opens everything, and makes the directory if it is not there.
    ///
    /// # Errors
    /// When the directory cannot be written, another process writes there, or a file of places cannot be read.
    pub fn open(&self) -> anyhow::Result<Opened> {
        let archive = Archive::new(&self.directory);
        let mut writer = Writer::open(&archive, &self.sensor, MOST_ROWS)
            .with_context(|| format!("cannot write to the archive {}", self.directory.display()))?;
        writer.at_site(self.site.as_deref());
        let known = if self.live { catch_up(&archive, &mut writer, &self.sensor)? } else { None };
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
        // Now, as long as there are the rights to ask.
        Ok(Opened { writer, jiffies: self.live.then(Jiffies::find), known })
    }
}

impl Opened {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(self) -> anyhow::Result<(Archiver, ArchiveQueue)> {
        let Self { mut writer, jiffies, known } = self;
        let (sender, messages) = mpsc::channel();
        let queue = ArchiveQueue::new(sender.clone(), Arc::clone(&writer.queued), jiffies, known);
        let thread = thread::Builder::new()
            .name("archive".to_owned())
            .spawn(move || writer.work(&messages))
            .context("cannot start a thread for the archive")?;
        Ok((Archiver { sender, thread: Some(thread) }, queue))
    }
}

impl Archiver {
    /// Writes everything that was passed on, and ends. Returns whether all of it was written.
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
                tracing::warn!("the archive's disk is too slow: what waits for it is given up");
                false
            }
        }
    }
}

/// When files were last merged, and the thread that does it.
type Upkeep = (Retention, Instant, Option<JoinHandle<()>>);

#[derive(Debug)]
struct ArchiveWriter {
    archive: Archive,
    writer: Writer,
    geo: Geo,
    queued: Arc<AtomicUsize>,
    /// SYNs in rows that were given up, by the begin of their interval, until the interval's account comes.
    discarded: BTreeMap<i64, u64>,
    /// Payloads that were given up, in the same way.
    discarded_payloads: BTreeMap<i64, u64>,
    /// Whether the last attempt to write failed.
    trouble: bool,
    /// SYNs that are not written, since that was last said.
    dropped_by_archive: u64,
    /// Whether anything was not written since the start.
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
                Message::Begun(interval, answer) => {
                    self.interval(interval);
                    self.write();
                    // Who asked may have lost patience.
                    let _ = answer.send(());
                }
                Message::Interval(interval) => self.interval(interval),
                Message::End(answer) => {
                    self.write();
                    self.say();
                    let all = !self.failed
                        && self.writer.rows().is_empty()
                        && self.writer.payloads().is_empty()
                        && self.writer.losses().is_empty();
                    // Who asked may have lost patience.
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
            // There is room: either it was written, or it was given up.
            if self.writer.push(row).is_err() {
                self.give_up();
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
            for loss in self.writer.losses() {
                settle_payloads(&mut self.discarded_payloads, loss);
            }
        }
    }

    /// Memory is full: the rows are written now, as those of an interval that ends with them, or given up.
    fn spill(&mut self) {
        let end = self.writer.rows().iter().map(|row| row.last).max().unwrap_or_default();
        self.close(end);
        if let Err(error) = self.writer.flush_rows() {
            self.complain(&error);
            self.give_up();
        }
    }

    fn close(&mut self, end: i64) {
        for row in self.writer.rows_mut().iter_mut().filter(|row| row.interval_end == OPEN) {
            row.interval_end = end.max(row.interval_start);
        }
    }

    fn give_up(&mut self) {
        for row in self.writer.rows() {
            *self.discarded.entry(row.interval_start).or_default() += u64::from(row.packets);
        }
        self.writer.discard();
        for loss in self.writer.losses() {
            self.dropped_by_archive += settle(&mut self.discarded, loss);
        }
    }

    fn interval(&mut self, interval: Interval) {
        let Interval { mut loss, dropped, accounted } = interval;
        self.close(loss.interval_end);
        let inherited = loss.dropped_by_archive.saturating_sub(dropped);
        if inherited > 0 {
            tracing::warn!(
                "{inherited} SYNs are not in the archive: the process before this one had read them and was killed; its losses \
                 say so, and all other numbers have them"
            );
        }
        self.dropped_by_archive += dropped + settle(&mut self.discarded, &mut loss);
        settle_payloads(&mut self.discarded_payloads, &mut loss);
        self.writer.account(loss);
        if let Some(accounted) = accounted {
            self.writer.accounted(accounted);
        }
        self.writer.bound_accounts(MOST_LOSSES);
        if let Err(error) = self.geo.refresh() {
            tracing::warn!("{error}; places are looked up in what was read before");
        }
        if !self.writer.rows().is_empty()
            || !self.writer.payloads().is_empty()
            || self.writer.losses().len() >= PATIENT_LOSSES
            || self.trouble
        {
            self.write();
        }
        self.say();
        self.look_after();
    }

    fn write(&mut self) {
        match self.writer.flush() {
            Ok(()) if self.trouble => {
                self.trouble = false;
                tracing::warn!("the archive is written again");
            }
            Ok(()) => {}
            Err(error) => self.complain(&error),
        }
    }

    /// Once for each time that it goes wrong.
    fn complain(&mut self, error: &honeyxdp_archive::Error) {
        if !self.trouble {
            tracing::warn!(
                "the archive cannot be written: {error}; counting goes on, rows wait in memory as long as there is room, and it is \
                 tried again at every interval"
            );
        }
        self.trouble = true;
    }

    fn say(&mut self) {
        let syns = std::mem::take(&mut self.dropped_by_archive);
        if syns > 0 {
            self.failed = true;
            tracing::warn!(
                "{syns} SYNs are not in the archive, because its disk is full or too slow; its losses say so, and all other \
                 numbers have them"
            );
        }
    }

    /// Merges files and removes old ones, in a thread that nobody waits for.
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

/// Moves payloads that were given up from the rows of an interval to what is lost of it.
fn settle_payloads(discarded: &mut BTreeMap<i64, u64>, loss: &mut AccountingRow) {
    if let Some(given_up) = discarded.remove(&loss.interval_start) {
        loss.payloads = Some(loss.payloads.unwrap_or(0).saturating_sub(given_up));
        loss.payloads_lost = Some(loss.payloads_lost.unwrap_or(0) + given_up);
    }
}

/// Moves SYNs that were given up from the rows of an interval to what is not written of it. Returns how many.
fn settle(discarded: &mut BTreeMap<i64, u64>, loss: &mut AccountingRow) -> u64 {
    let packets = discarded.remove(&loss.interval_start).unwrap_or(0);
    loss.packets = loss.packets.saturating_sub(packets);
    loss.dropped_by_archive += packets;
    packets
}

/// Accounts for what a process before this one has left rows of, and no account.
fn catch_up(archive: &Archive, writer: &mut Writer, sensor: &str) -> anyhow::Result<Option<Before>> {
    let accounted = archive.accounted(sensor)?;
    let (mut end, mut packets) = (i64::MIN, 0);
    for loss in archive.unaccounted(sensor)? {
        // The next interval begins there, and no two may begin at the same time.
        end = end.max(loss.interval_end).max(loss.interval_start + 1);
        packets += loss.packets;
        writer.account(loss);
    }
    Ok(accounted.map(|accounted| Before { accounted, end, packets }))
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
        // Of two rules the second one is that for IPv6.
        rule: rules.get(usize::from(!flow.is_v4())).unwrap_or(&rules[0]).id,
        attributed,
        src,
        dport: flow.dport(),
        packets: flow.packets,
        first,
        last: ticks.at(flow.last_tick).max(first),
        matched: u16::try_from(flow.matched()).unwrap_or(u16::MAX),
        window: flow.window,
        ttl: flow.ttl,
        options_length: flow.options_length,
        options_head: flow.options_head,
        ip_id: flow.ip_id,
        seq_first: flow.first_seq,
        seq_last: flow.last_seq,
        country: place.country,
        asn: place.asn,
    }
}
