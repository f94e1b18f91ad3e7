//! Accounting of intervals: `syns = packets + lost + sampled_out + dropped_by_archive`, over restarts too.
//!
//! Counters on pins outlive the process. The archive holds a checkpoint of them, and the next process accounts for the SYNs since
//! that checkpoint: none twice, none left out.

use honeyxdp_archive::{AccountingRow, Checkpoint, Counters};
use honeyxdp_common::FilterReason;
use jiff::{SignedDuration, Timestamp};

use crate::Counts;

/// The shortest interval. Rows and accounting are joined by the start of their interval, so no two may start together.
const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

/// How a sensor begins to count, which decides where its accounting begins. Counters began at zero at `run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// New counters that end with this process.
    Fresh {
        /// Start of the counters.
        run: Timestamp,
    },
    /// New counters on pins: the next process can continue them.
    FreshOnPins {
        /// Start of the counters.
        run: Timestamp,
    },
    /// Counters on pins that another process began. [`super::ArchiveQueue::resumed`] completes the start, after the records that
    /// waited in the kernel were read.
    Resumed {
        /// Start of the counters.
        run: Timestamp,
        /// Start of the first interval if the archive has no checkpoint of the run: the time of the last snapshot, else `run`.
        at: Timestamp,
    },
}

/// What earlier processes accounted for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Earlier {
    /// The newest checkpoint.
    pub(super) checkpoint: Checkpoint,
    /// End of the last interval that had rows and no accounting row, `i64::MIN` if there is none. It has an accounting row by now.
    pub(super) end: i64,
    /// SYNs in the rows of such intervals.
    pub(super) packets: u64,
}

/// An interval that is over.
#[derive(Debug)]
pub(super) struct Interval {
    /// The accounting row, as far as it is known before the rows are written.
    pub(super) row: AccountingRow,
    /// SYNs dropped because the queue was full. The rest of `dropped_by_archive` was lost with an earlier process.
    pub(super) dropped: u64,
    /// Counters at the end of the interval.
    pub(super) checkpoint: Option<Checkpoint>,
}

/// Accounting of the current interval.
#[derive(Debug)]
pub(super) struct Accounting {
    earlier: Option<Earlier>,
    /// Start of the counters. `None` for a replay.
    run: Option<Timestamp>,
    /// Whether [`Start::Resumed`] is to be completed.
    is_resuming: bool,
    /// Start of the interval.
    start: Timestamp,
    /// Counters at the start of the interval.
    before: Counters,
    /// SYNs in records that were queued since.
    packets: u64,
    /// SYNs in records that were dropped because the queue was full.
    dropped: u64,
    /// `None` if payload capture is off.
    payloads: Option<Payloads>,
}

/// Payloads of the current interval.
#[derive(Clone, Copy, Debug, Default)]
struct Payloads {
    queued: u64,
    dropped: u64,
    /// Payloads lost before the queue, since the start of the process.
    lost: u64,
    /// The same at the start of the interval.
    lost_before: u64,
}

impl Accounting {
    pub(super) fn new(earlier: Option<Earlier>) -> Self {
        Self {
            earlier,
            run: None,
            is_resuming: false,
            start: Timestamp::UNIX_EPOCH,
            before: Counters::default(),
            packets: 0,
            dropped: 0,
            payloads: None,
        }
    }

    /// Start of the interval.
    pub(super) const fn interval_start(&self) -> Timestamp {
        self.start
    }

    /// An interval begins at these counters.
    pub(super) fn begin(&mut self, start: Timestamp, before: &Counts) {
        (self.start, self.before) = (start, counters(before));
    }

    /// Begins the first interval of a sensor. Returns whether an opening row is to be written now, see [`Accounting::open`].
    pub(super) fn start(&mut self, start: Start, now: Timestamp) -> bool {
        let (Start::Fresh { run } | Start::FreshOnPins { run } | Start::Resumed { run, .. }) = start;
        self.begin(if let Start::Resumed { at, .. } = start { at } else { now }, &Counts::default());
        self.run = Some(run);
        let is_known = self.continue_from_checkpoint(run);
        self.is_resuming = !is_known && matches!(start, Start::Resumed { .. });
        !is_known && matches!(start, Start::FreshOnPins { .. })
    }

    /// Completes [`Start::Resumed`]. `published` are the time and counters of the last snapshot of the run: SYNs up to there were
    /// published, and are not accounted for again. Returns whether an opening row is to be written now.
    pub(super) fn resumed(&mut self, published: Option<(Timestamp, &Counts)>) -> bool {
        if !std::mem::take(&mut self.is_resuming) {
            return false;
        }
        if let Some((at, counts)) = published {
            self.begin(at, counts);
        }
        true
    }

    /// If the archive has a checkpoint of this run, the interval begins there.
    fn continue_from_checkpoint(&mut self, run: Timestamp) -> bool {
        let Some(Earlier { checkpoint, end, packets }) =
            self.earlier.filter(|earlier| earlier.checkpoint.run == run.as_millisecond())
        else {
            return false;
        };
        self.start = Timestamp::from_millisecond(checkpoint.until.max(end)).unwrap_or(self.start);
        self.before = checkpoint.counters;
        // Their rows have an accounting row by now.
        self.before.frames += packets;
        self.before.syns += packets;
        true
    }

    /// The opening row of a run, with its first checkpoint and the SYNs queued so far. Without it, a process killed before its first
    /// accounting row would leave no checkpoint: the next process would begin at the last snapshot, and SYNs that were read before
    /// that and not written would be in no row.
    pub(super) fn open(&mut self) -> Option<Interval> {
        let run = self.run?;
        let packets = std::mem::take(&mut self.packets);
        self.before.frames += packets;
        self.before.syns += packets;
        let least = self.start.checked_add(MILLISECOND).unwrap_or(self.start);
        let end = if packets > 0 { least.max(Timestamp::now()) } else { least };
        let (start, until) = (self.start.as_millisecond(), end.as_millisecond());
        let counted = Counters { frames: packets, syns: packets, ..Counters::default() };
        self.start = end;
        Some(Interval {
            row: AccountingRow::balanced(start, until, counted, packets),
            dropped: 0,
            checkpoint: Some(Checkpoint { run: run.as_millisecond(), until, counters: self.before }),
        })
    }

    /// Records with so many SYNs were queued.
    pub(super) const fn queued(&mut self, packets: u64) {
        self.packets += packets;
    }

    /// Records with so many SYNs were dropped because the queue was full.
    pub(super) const fn dropped(&mut self, packets: u64) {
        self.dropped += packets;
    }

    /// Payload capture is on.
    pub(super) fn count_payloads(&mut self) {
        self.payloads.get_or_insert_default();
    }

    /// A payload was queued, or dropped because the queue was full.
    pub(super) fn payload(&mut self, is_queued: bool) {
        let payloads = self.payloads.get_or_insert_default();
        *if is_queued { &mut payloads.queued } else { &mut payloads.dropped } += 1;
    }

    /// So many payloads were lost before the queue since the start of the process.
    pub(super) const fn payloads_lost(&mut self, lost: u64) {
        if let Some(payloads) = &mut self.payloads {
            payloads.lost = lost;
        }
    }

    /// Ends the interval at these counters, up to which all records were taken. The next interval begins.
    pub(super) fn close(&mut self, end: Timestamp, counts: &Counts) -> Interval {
        let now = counters(counts);
        let end = self.start.checked_add(MILLISECOND).map_or(end, |least| end.max(least));
        let (start, until) = (self.start.as_millisecond(), end.as_millisecond());
        let packets = std::mem::take(&mut self.packets);
        let mut row = AccountingRow::balanced(start, until, now.since(&self.before), packets);
        if let Some(payloads) = &mut self.payloads {
            row.payloads = Some(payloads.queued);
            row.payloads_lost = Some(payloads.dropped + payloads.lost.saturating_sub(payloads.lost_before));
            *payloads = Payloads { lost: payloads.lost, lost_before: payloads.lost, ..Payloads::default() };
        }
        (self.start, self.before) = (end, now);
        let checkpoint = self.run.map(|run| Checkpoint { run: run.as_millisecond(), until, counters: now });
        Interval { row, dropped: std::mem::take(&mut self.dropped), checkpoint }
    }
}

/// The counters that accounting needs.
fn counters(counts: &Counts) -> Counters {
    Counters {
        frames: counts.seen(),
        syns: counts.syns(),
        lost: counts.lost_packets(),
        sampled_out: counts.sampled_out(),
        filtered: FilterReason::ALL.into_iter().map(|reason| counts.filtered(reason)).sum(),
    }
}
