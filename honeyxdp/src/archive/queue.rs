//! The reader's end: records go into the queue in chunks, and accounts of intervals behind them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use honeyxdp_archive::{AccountingRow, Checkpoint, Counters, PayloadRow};
use honeyxdp_common::{FilterReason, flow::Flow};
use jiff::{SignedDuration, Timestamp};

use super::ticks::{Jiffies, Ticks};
use crate::{Counts, pairs::Pair};

/// The shortest interval.
const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);
/// How long a start waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);
/// Records in a chunk.
const CHUNK: usize = 4_096;
/// Records that the queue may hold: 36 MiB.
const MOST: usize = 1 << 19;

/// Records that take as much memory as a payload.
pub(super) const RECORDS_OF_A_PAYLOAD: usize = 10;

/// A record, and what was known of its source when it was read.
pub(super) type Record = (Flow, Option<Pair>);

/// What goes over the queue.
#[derive(Debug)]
pub(super) enum Message {
    /// Records of the interval that began then (milliseconds since the Unix epoch), and what their ticks mean.
    Records(Vec<Record>, Ticks, i64),
    /// A payload or a login of the interval that began then.
    PayloadRow(Box<PayloadRow>),
    /// Accounts begin here, with an interval of what was read before; the answer comes when that was tried to be written.
    Begun(Interval, mpsc::Sender<()>),
    /// An interval is over.
    Interval(Interval),
    /// Everything is to be written; the answer says whether it was.
    End(mpsc::Sender<bool>),
}

/// An interval that is over.
#[derive(Debug)]
pub(super) struct Interval {
    /// Its account, as far as it is known here.
    pub(super) loss: AccountingRow,
    /// SYNs of it that found no room in the queue: the rest of what is not written was gone with the process before this one.
    pub(super) dropped: u64,
    /// The counters at its end, if they can outlive the process.
    pub(super) accounted: Option<Checkpoint>,
}

/// The counters that an account needs.
fn counters(counts: &Counts) -> Counters {
    Counters {
        frames: counts.seen(),
        syns: counts.syns(),
        lost: counts.lost_packets(),
        sampled_out: counts.sampled_out(),
        filtered: FilterReason::ALL.into_iter().map(|reason| counts.filtered(reason)).sum(),
    }
}

const fn since(now: &Counters, before: &Counters) -> Counters {
    Counters {
        frames: now.frames.saturating_sub(before.frames),
        syns: now.syns.saturating_sub(before.syns),
        lost: now.lost.saturating_sub(before.lost),
        sampled_out: now.sampled_out.saturating_sub(before.sampled_out),
        filtered: now.filtered.saturating_sub(before.filtered),
    }
}

/// How far the archive is accounted for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    /// By the processes before this one.
    pub(super) accounted: Checkpoint,
    /// End of the last interval of which they left rows and no account.
    pub(super) end: i64,
    /// SYNs in these rows.
    pub(super) packets: u64,
}

/// What ticks of records are.
#[derive(Debug)]
enum Clock {
    Kernel(Jiffies),
    Replay(Ticks),
}

/// Takes records and passes them on.
#[derive(Debug)]
pub struct ArchiveQueue {
    queue: mpsc::Sender<Message>,
    /// Records in the queue.
    queued: Arc<AtomicUsize>,
    clock: Clock,
    chunk: Vec<Record>,
    /// What was there before.
    known: Option<Before>,
    /// When counters began that can outlive the process.
    run: Option<Timestamp>,
    /// Begin of the interval.
    start: Timestamp,
    /// Counters at its begin.
    before: Counters,
    /// SYNs in records that were passed on since.
    packets: u64,
    /// SYNs in records that found no room.
    dropped: u64,
    /// What became of payloads, if anybody looks at them.
    payloads: Option<Payloads>,
}

/// Payloads of an interval, and those that are nowhere.
#[derive(Clone, Copy, Debug, Default)]
struct Payloads {
    passed: u64,
    dropped: u64,
    /// Of all intervals, by those who count before the queue.
    lost: u64,
    /// The same until the end of the interval before.
    lost_before: u64,
}

impl ArchiveQueue {
    pub(super) fn new(
        queue: mpsc::Sender<Message>,
        queued: Arc<AtomicUsize>,
        jiffies: Option<Jiffies>,
        known: Option<Before>,
    ) -> Self {
        Self {
            queue,
            queued,
            clock: jiffies.map_or(Clock::Replay(Ticks::milliseconds(0)), Clock::Kernel),
            chunk: Vec::with_capacity(CHUNK),
            known,
            run: None,
            start: Timestamp::UNIX_EPOCH,
            before: Counters::default(),
            packets: 0,
            dropped: 0,
            payloads: None,
        }
    }

    /// An interval begins, at these counters.
    pub fn begin(&mut self, start: Timestamp, before: &Counts) {
        (self.start, self.before) = (start, counters(before));
        self.clock(start);
    }

    /// The counters that come now began at that time, and can outlive this process. If the archive has accounts of them, the
    /// interval begins where those end. Returns whether it has.
    pub fn go_on(&mut self, run: Timestamp) -> bool {
        self.run = Some(run);
        let Some(Before { accounted, end, packets }) =
            self.known.filter(|known| known.accounted.run == run.as_millisecond())
        else {
            return false;
        };
        self.start = Timestamp::from_millisecond(accounted.until.max(end)).unwrap_or(self.start);
        self.before = accounted.counters;
        // Rows that were left without an account have one by now, of these SYNs.
        self.before.frames += packets;
        self.before.syns += packets;
        true
    }

    /// Says in the archive where accounts of this run begin, and waits until it is there. Else a process that is killed before its
    /// first account would leave nobody to know that it wrote at all: the next one would begin with the last snapshot, and what
    /// was read before that and not written would be in no account. What was read before this is in it.
    pub fn begin_accounts(&mut self) {
        let Some(run) = self.run else { return };
        self.pass_on();
        let packets = std::mem::take(&mut self.packets);
        self.before.frames += packets;
        self.before.syns += packets;
        let start = self.start;
        let least = start.checked_add(MILLISECOND).unwrap_or(start);
        let end = if packets > 0 { least.max(Timestamp::now()) } else { least };
        let until = end.as_millisecond();
        let loss = AccountingRow {
            interval_start: start.as_millisecond(),
            interval_end: until,
            frames: packets,
            syns: packets,
            packets,
            ..AccountingRow::default()
        };
        let accounted = Some(Checkpoint { run: run.as_millisecond(), until, counters: self.before });
        let (answer, answered) = mpsc::channel();
        if self.queue.send(Message::Begun(Interval { loss, dropped: 0, accounted }, answer)).is_ok() {
            // A disk that takes nothing is said where it is written.
            let _ = answered.recv_timeout(PATIENCE);
        }
        self.start = end;
    }

    /// Of a replay: the time of the records that come now, to within 24 days.
    pub fn clock(&mut self, time: Timestamp) {
        // What waits is told by the time before.
        self.pass_on();
        if let Clock::Replay(ticks) = &mut self.clock {
            *ticks = Ticks::milliseconds(time.as_second());
        }
    }

    /// Takes a record.
    #[inline]
    pub fn record(&mut self, flow: &Flow, attributed: Option<Pair>) {
        self.chunk.push((*flow, attributed));
        if self.chunk.len() >= CHUNK {
            self.pass_on();
        }
    }

    /// From now on accounts say what became of payloads.
    pub fn look_at_payloads(&mut self) {
        self.payloads = Some(Payloads::default());
    }

    /// Takes a payload or a login of the interval that goes on.
    pub fn payload(&mut self, mut payload: PayloadRow) {
        let payloads = self.payloads.get_or_insert_default();
        if self.queued.fetch_add(RECORDS_OF_A_PAYLOAD, Ordering::AcqRel) + RECORDS_OF_A_PAYLOAD > MOST {
            self.queued.fetch_sub(RECORDS_OF_A_PAYLOAD, Ordering::AcqRel);
            payloads.dropped += 1;
            return;
        }
        payload.interval_start = self.start.as_millisecond();
        match self.queue.send(Message::PayloadRow(Box::new(payload))) {
            Ok(()) => payloads.passed += 1,
            Err(_) => payloads.dropped += 1,
        }
    }

    /// Says how many payloads were captured since the start and never came here.
    pub fn payloads_lost(&mut self, lost: u64) {
        if let Some(payloads) = &mut self.payloads {
            payloads.lost = lost;
        }
    }

    /// Ends an interval: all records up to these counters were taken. The next one begins.
    pub fn interval(&mut self, end: Timestamp, counts: &Counts) {
        self.pass_on();
        if let Clock::Kernel(jiffies) = &mut self.clock {
            // A sleep of the machine is to be seen soon, whether there are records or not.
            jiffies.now(None);
        }
        let now = counters(counts);
        let Counters { frames, syns, lost, sampled_out, filtered } = since(&now, &self.before);
        let packets = std::mem::take(&mut self.packets);
        let payloads = self.payloads;
        if let Some(payloads) = &mut self.payloads {
            *payloads = Payloads { lost: payloads.lost, lost_before: payloads.lost, ..Payloads::default() };
        }
        let start = self.start;
        // Its begin is what rows and account have in common, so no two may begin in the same millisecond.
        let end = start.checked_add(MILLISECOND).map_or(end, |least| end.max(least));
        let loss = AccountingRow {
            interval_start: start.as_millisecond(),
            interval_end: end.as_millisecond(),
            frames,
            syns,
            packets,
            lost,
            sampled_out,
            // What found no room in the queue, and what a process before this one had read when it was killed.
            dropped_by_archive: syns.saturating_sub(packets + lost + sampled_out),
            filtered,
            payloads: payloads.map(|payloads| payloads.passed),
            payloads_lost: payloads
                .map(|payloads| payloads.dropped + payloads.lost.saturating_sub(payloads.lost_before)),
        };
        (self.start, self.before) = (end, now);
        let accounted =
            self.run.map(|run| Checkpoint { run: run.as_millisecond(), until: end.as_millisecond(), counters: now });
        // If the thread is gone, that was said.
        let dropped = std::mem::take(&mut self.dropped);
        let _ = self.queue.send(Message::Interval(Interval { loss, dropped, accounted }));
    }

    fn pass_on(&mut self) {
        if self.chunk.is_empty() {
            return;
        }
        let ticks = match &mut self.clock {
            Clock::Kernel(jiffies) => {
                let newest = self
                    .chunk
                    .iter()
                    .map(|(flow, _)| flow.last_tick)
                    .reduce(|one, other| if one.wrapping_sub(other).cast_signed() > 0 { one } else { other });
                jiffies.now(newest)
            }
            Clock::Replay(ticks) => {
                // A capture can wait; frames of a veth cannot.
                while self.queued.load(Ordering::Acquire) + self.chunk.len() > MOST {
                    thread::sleep(Duration::from_millis(1));
                }
                *ticks
            }
        };
        let (records, packets) =
            (self.chunk.len(), self.chunk.iter().map(|(flow, _)| u64::from(flow.packets)).sum::<u64>());
        if self.queued.fetch_add(records, Ordering::AcqRel) + records > MOST {
            self.queued.fetch_sub(records, Ordering::AcqRel);
            self.chunk.clear();
            self.dropped += packets;
            return;
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        match self.queue.send(Message::Records(chunk, ticks, self.start.as_millisecond())) {
            Ok(()) => self.packets += packets,
            Err(_) => {
                self.queued.fetch_sub(records, Ordering::AcqRel);
            }
        }
    }
}
