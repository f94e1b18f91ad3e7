//! The reader's end: records go into the queue in chunks, followed by the accounting row of their interval.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use honeyxdp_archive::PayloadRow;
use honeyxdp_common::flow::Flow;
use jiff::Timestamp;

use super::{
    accounting::{Accounting, Earlier, Interval, Start},
    ticks::{Jiffies, Ticks},
};
use crate::{Counts, pairs::Pair};

/// How long a start waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);
/// Records in a chunk.
const CHUNK: usize = 4_096;
/// Maximum records in the queue: 36 MiB.
const MOST: usize = 1 << 19;

/// Records that take as much memory as a payload.
pub(super) const RECORDS_OF_A_PAYLOAD: usize = 10;

/// A record, and the attribution of its source when it was read.
pub(super) type Record = (Flow, Option<Pair>);

/// A message to the writer's thread.
#[derive(Debug)]
pub(super) enum Message {
    /// Records of the interval that began then (milliseconds since the Unix epoch), and the meaning of their ticks.
    Records(Vec<Record>, Ticks, i64),
    /// A payload or a login of the current interval.
    PayloadRow(Box<PayloadRow>),
    /// The opening row of a run; the answer comes after the attempt to write it.
    Open(Interval, mpsc::Sender<()>),
    /// An interval is over.
    Interval(Interval),
    /// Everything is to be written; the answer is whether it was.
    End(mpsc::Sender<bool>),
}

/// What ticks of records are.
#[derive(Debug)]
enum Clock {
    Kernel(Jiffies),
    Replay(Ticks),
}

/// Takes records and passes them on to the writer's thread.
#[derive(Debug)]
pub struct ArchiveQueue {
    queue: mpsc::Sender<Message>,
    /// Records in the queue.
    queued: Arc<AtomicUsize>,
    clock: Clock,
    chunk: Vec<Record>,
    accounting: Accounting,
}

impl ArchiveQueue {
    pub(super) fn new(
        queue: mpsc::Sender<Message>,
        queued: Arc<AtomicUsize>,
        jiffies: Option<Jiffies>,
        earlier: Option<Earlier>,
    ) -> Self {
        Self {
            queue,
            queued,
            clock: jiffies.map_or(Clock::Replay(Ticks::milliseconds(0)), Clock::Kernel),
            chunk: Vec::with_capacity(CHUNK),
            accounting: Accounting::new(earlier),
        }
    }

    /// Begins the first interval of a sensor. If the archive has a checkpoint of the run, the interval begins there.
    pub fn start(&mut self, start: Start) {
        if self.accounting.start(start, Timestamp::now()) {
            self.open();
        }
    }

    /// Completes [`Start::Resumed`], after the records that waited in the kernel were read. `published` are the time and counters of
    /// the last snapshot of the run, if there is one.
    pub fn resumed(&mut self, published: Option<(Timestamp, &Counts)>) {
        if self.accounting.resumed(published) {
            self.open();
        }
    }

    /// Writes the opening row of the run and waits until it is on the disk.
    fn open(&mut self) {
        self.pass_on();
        let Some(interval) = self.accounting.open() else { return };
        let (answer, answered) = mpsc::channel();
        if self.queue.send(Message::Open(interval, answer)).is_ok() {
            // The writer's thread logs a disk that fails.
            let _ = answered.recv_timeout(PATIENCE);
        }
    }

    /// An interval begins at these counters: that of a replay, or after the clock was set.
    pub fn begin(&mut self, start: Timestamp, before: &Counts) {
        self.accounting.begin(start, before);
        self.clock(start);
    }

    /// Of a replay: the time of the next records, to within 24 days.
    pub fn clock(&mut self, time: Timestamp) {
        // Waiting records are of the time before.
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

    /// Payload capture is on: accounting rows count payloads.
    pub fn count_payloads(&mut self) {
        self.accounting.count_payloads();
    }

    /// Takes a payload or a login of the current interval.
    pub fn payload(&mut self, mut payload: PayloadRow) {
        if self.queued.fetch_add(RECORDS_OF_A_PAYLOAD, Ordering::AcqRel) + RECORDS_OF_A_PAYLOAD > MOST {
            self.queued.fetch_sub(RECORDS_OF_A_PAYLOAD, Ordering::AcqRel);
            self.accounting.payload(false);
            return;
        }
        payload.interval_start = self.accounting.interval_start().as_millisecond();
        self.accounting.payload(self.queue.send(Message::PayloadRow(Box::new(payload))).is_ok());
    }

    /// So many payloads were captured since the start of the process and lost before they came here.
    pub fn payloads_lost(&mut self, lost: u64) {
        self.accounting.payloads_lost(lost);
    }

    /// Ends an interval at these counters, up to which all records were taken. The next interval begins.
    pub fn interval(&mut self, end: Timestamp, counts: &Counts) {
        self.pass_on();
        if let Clock::Kernel(jiffies) = &mut self.clock {
            // Notices a sleep of the machine soon, even without records.
            jiffies.now(None);
        }
        // A thread that is gone has logged it.
        let _ = self.queue.send(Message::Interval(self.accounting.close(end, counts)));
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
                // A capture can wait; an interface cannot.
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
            self.accounting.dropped(packets);
            return;
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        let start = self.accounting.interval_start().as_millisecond();
        match self.queue.send(Message::Records(chunk, ticks, start)) {
            Ok(()) => self.accounting.queued(packets),
            Err(_) => {
                self.queued.fetch_sub(records, Ordering::AcqRel);
            }
        }
    }
}
