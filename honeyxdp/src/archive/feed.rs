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

use honeyxdp_archive::Loss;
use honeyxdp_common::{FilterReason, flow::Flow};
use jiff::Timestamp;

use super::ticks::{Jiffies, Ticks};
use crate::{Counts, sources::Pair};

/// Records in a chunk.
const CHUNK: usize = 4_096;
/// Records that the queue may hold: 36 MiB.
const MOST: usize = 1 << 19;

/// A record, and what was known of its source when it was read.
pub(super) type Record = (Flow, Option<Pair>);

/// What goes over the queue.
#[derive(Debug)]
pub(super) enum Message {
    /// Records of the interval that began then (milliseconds since the Unix epoch), and what their ticks mean.
    Records(Vec<Record>, Ticks, i64),
    /// An interval is over.
    Interval(Loss),
    /// Everything is to be written; the answer says whether it was.
    End(mpsc::Sender<bool>),
}

/// Counters that an account needs.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    frames: u64,
    syns: u64,
    lost: u64,
    unsampled: u64,
    filtered: u64,
}

impl Totals {
    fn of(counts: &Counts) -> Self {
        Self {
            frames: counts.seen(),
            syns: counts.syns(),
            lost: counts.lost_packets(),
            unsampled: counts.unsampled(),
            filtered: FilterReason::ALL.into_iter().map(|reason| counts.filtered(reason)).sum(),
        }
    }

    const fn since(&self, before: &Self) -> Self {
        Self {
            frames: self.frames.saturating_sub(before.frames),
            syns: self.syns.saturating_sub(before.syns),
            lost: self.lost.saturating_sub(before.lost),
            unsampled: self.unsampled.saturating_sub(before.unsampled),
            filtered: self.filtered.saturating_sub(before.filtered),
        }
    }
}

/// What ticks of records are.
#[derive(Debug)]
enum Clock {
    Kernel(Jiffies),
    Replay(Ticks),
}

/// Takes records and passes them on.
#[derive(Debug)]
pub struct Feed {
    queue: mpsc::Sender<Message>,
    /// Records in the queue.
    queued: Arc<AtomicUsize>,
    clock: Clock,
    chunk: Vec<Record>,
    /// Begin of the interval.
    start: Timestamp,
    /// Counters at its begin.
    before: Totals,
    /// SYNs in records that were passed on since.
    packets: u64,
}

impl Feed {
    pub(super) fn new(queue: mpsc::Sender<Message>, queued: Arc<AtomicUsize>, jiffies: Option<Jiffies>) -> Self {
        Self {
            queue,
            queued,
            clock: jiffies.map_or(Clock::Replay(Ticks::milliseconds(0)), Clock::Kernel),
            chunk: Vec::with_capacity(CHUNK),
            start: Timestamp::UNIX_EPOCH,
            before: Totals::default(),
            packets: 0,
        }
    }

    /// The first interval begins, at these counters.
    pub fn begin(&mut self, start: Timestamp, before: &Counts) {
        (self.start, self.before) = (start, Totals::of(before));
        self.clock(start);
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
    pub fn record(&mut self, flow: &Flow, settled: Option<Pair>) {
        self.chunk.push((*flow, settled));
        if self.chunk.len() >= CHUNK {
            self.pass_on();
        }
    }

    /// Ends an interval: all records up to these counters were taken.
    pub fn interval(&mut self, end: Timestamp, counts: &Counts) {
        self.pass_on();
        let now = Totals::of(counts);
        let Totals { frames, syns, lost, unsampled, filtered } = now.since(&self.before);
        let packets = std::mem::take(&mut self.packets);
        let loss = Loss {
            interval_start: self.start.min(end).as_millisecond(),
            interval_end: end.as_millisecond(),
            frames,
            syns,
            packets,
            lost,
            unsampled,
            // What found no room in the queue, and what a process before this one had read when it was killed.
            not_written: syns.saturating_sub(packets + lost + unsampled),
            filtered,
        };
        (self.start, self.before) = (end, now);
        // If the thread is gone, that was said.
        let _ = self.queue.send(Message::Interval(loss));
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
                // A capture can wait; frames of a cable cannot.
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
