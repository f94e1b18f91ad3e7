//! The drain thread: it reads records continuously, and everything when a snapshot is requested.
//!
//! It is a thread of its own because the kernel drops records when a ring is full.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp, Unit};
use tokio::sync::oneshot;

use crate::{
    Counts,
    archive::{ArchiveQueue, Start},
    collector::{CollectError, Collector},
    kernel::Maps,
    payloads::PayloadCapture,
    snapshot::{Captured, InterfaceReport, Recorder, Resumed, Run, Snapshot, Span, store::Store},
    sources::{Settings, next_hour},
    view,
};

/// Longest pause between two reads of the rings. They hold several times what a fast link brings in that time.
const LAZY: Duration = Duration::from_millis(20);
/// Longest pause while the rings stay empty: wake-ups are most of an idle sensor's CPU time.
const IDLE: Duration = Duration::from_millis(50);
/// Fill level below which a ring counts as empty.
const EMPTY: f64 = 0.001;
/// Maximum SYNs per second of one CPU: a ring must have room for twice what arrives in an idle pause.
const RATE: u32 = 5_000_000;
/// Shortest pause.
const BUSY: Duration = Duration::from_micros(500);
/// Fill level above which the pause is the shortest one.
const HIGH: f64 = 0.1;
/// Longest time between two flips: the counter of a flow has 32 bits.
const LONGEST_GENERATION: Duration = Duration::from_secs(60);

/// A step of the wall clock by more than this is a change of the clock; less can be the time between reading both clocks.
const CLOCK_STEP: SignedDuration = SignedDuration::from_secs(1);

/// A moment by the wall clock and by the monotonic clock.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) wall: Timestamp,
    steady: Instant,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { wall: Timestamp::now(), steady: Instant::now() }
    }

    fn span_since(self, start: Self) -> Span {
        let length = self.steady.duration_since(start.steady);
        // `start` is corrected for large steps of the clock; a small one can still be longer than a short interval.
        let start = if self.wall < start.wall { before(self.wall, length) } else { start.wall };
        Span { start, end: self.wall, length }
    }

    /// Step of the wall clock since `earlier`: forward, or back if negative.
    fn step_since(self, earlier: Self) -> SignedDuration {
        let steady = SignedDuration::try_from(self.steady.duration_since(earlier.steady)).unwrap_or_default();
        self.wall.duration_since(earlier.wall).saturating_sub(steady)
    }

    /// Corrects the wall time for a later step of the clock.
    fn set(&mut self, step: SignedDuration) {
        self.wall = self.wall.checked_add(step).unwrap_or(self.wall);
    }
}

fn before(end: Timestamp, length: Duration) -> Timestamp {
    end.checked_sub(length).unwrap_or(end)
}

/// A snapshot and how it was made.
pub(super) struct Drained {
    pub(super) snapshot: Arc<Snapshot>,
    /// Time at which the counters were read.
    pub(super) at: Instant,
    /// Duration of reading and storing.
    pub(super) took: Duration,
    /// What went wrong, if anything did.
    pub(super) warning: Option<String>,
}

/// Liveness of the thread, for the watchdog.
#[derive(Clone, Default)]
pub(super) struct Pulse(Arc<Beats>);

#[derive(Default)]
struct Beats {
    looks: AtomicU64,
    overdue: AtomicBool,
}

impl Pulse {
    /// Number of turns of the thread. It stops when the thread hangs anywhere.
    pub(super) fn beats(&self) -> u64 {
        self.0.looks.load(Ordering::Relaxed)
    }

    /// Whether flips succeed: false if the last one is older than twice the longest time between two.
    pub(super) fn is_flipping(&self) -> bool {
        !self.0.overdue.load(Ordering::Relaxed)
    }

    fn beat(&self, overdue: bool) {
        self.0.overdue.store(overdue, Ordering::Relaxed);
        self.0.looks.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the thread reads, and what it reports about it.
pub(super) struct Counted {
    pub(super) maps: Maps,
    pub(super) run: Run,
    /// Slot of the counters of each interface of the run.
    pub(super) slots: Vec<usize>,
    /// Whether another process read the maps before.
    pub(super) resumed: bool,
    /// Whether another process can read them afterwards.
    pub(super) pinned: bool,
    /// The archive, if there is one.
    pub(super) archive: Option<ArchiveQueue>,
    /// Payload capture, if it is on, and whether the responder answers SYNs.
    pub(super) responder: Option<(PayloadCapture, bool)>,
}

/// Handle of the thread. The thread ends when it is dropped.
pub(super) struct Drain {
    requests: mpsc::Sender<Request>,
    pulse: Pulse,
}

/// A request to the thread.
enum Request {
    /// Makes a snapshot, to store or only to show.
    Drain { store: bool, last: bool, answer: oneshot::Sender<anyhow::Result<Drained>> },
    /// Reports these interfaces and filters from now on.
    Describe { interfaces: Vec<(usize, InterfaceReport)>, filters: Filters },
}

/// Filters as a snapshot reports them.
type Filters = BTreeMap<String, serde_json::Value>;

impl Drain {
    /// Starts the thread.
    pub(super) fn start(
        counted: Counted,
        settings: &Settings,
        started: Moment,
        store: Arc<Store>,
    ) -> anyhow::Result<Self> {
        let Counted { maps, run, slots, resumed, pinned, archive, responder } = counted;
        let (requests, received) = mpsc::channel();
        let recorder = || Recorder::new(run.clone(), store.last_sequence());
        let records = 1_u32 << maps.sizes().ring_bits;
        let mut drainer = Drainer {
            idle: (Duration::from_secs(1) * (records / 2) / RATE).clamp(LAZY, IDLE),
            collector: Collector::new(maps, settings, started.wall),
            stored: (recorder(), started),
            shown: (recorder(), started),
            store: Arc::clone(&store),
            slots,
            flipped: started,
            seen: started,
            hour_ends: next_hour(started.wall),
            warning: None,
            pulse: Pulse::default(),
        };
        let looks = responder.is_some();
        if let Some((capture, responds)) = responder {
            drainer.collector.responder(capture, responds);
        }
        let began = run.started_at;
        let last = if resumed { store.last().ok().filter(|last| last.started_at == began) } else { None };
        if let Some(mut queue) = archive {
            if looks {
                queue.count_payloads();
            }
            queue.start(match (resumed, pinned) {
                (true, _) => Start::Resumed { run: began, at: last.as_ref().map_or(began, |last| last.generated_at) },
                (false, true) => Start::FreshOnPins { run: began },
                (false, false) => Start::Fresh { run: began },
            });
            drainer.collector.archive(queue);
        }
        if resumed {
            drainer.resume(began, last.as_ref())?;
        }
        let pulse = drainer.pulse.clone();
        thread::Builder::new()
            .name("drain".to_owned())
            .spawn(move || drainer.work(&received))
            .context("cannot start a thread for the drain")?;
        Ok(Self { requests, pulse })
    }

    /// Liveness of the thread.
    pub(super) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Reads everything and stores a snapshot.
    pub(super) async fn publish(&self) -> anyhow::Result<Drained> {
        self.ask(true, false).await
    }

    /// Reads everything and stores the last snapshot.
    pub(super) async fn publish_last(&self) -> anyhow::Result<Drained> {
        self.ask(true, true).await
    }

    /// Reads everything without storing it. The interval begins with the previous call.
    pub(super) async fn look(&self) -> anyhow::Result<Drained> {
        self.ask(false, false).await
    }

    /// Sets the interfaces and filters that snapshots report.
    pub(super) fn describe(&self, interfaces: Vec<(usize, InterfaceReport)>, filters: Filters) {
        // A request for a snapshot notices a dead thread.
        let _ = self.requests.send(Request::Describe { interfaces, filters });
    }

    async fn ask(&self, store: bool, last: bool) -> anyhow::Result<Drained> {
        const GONE: &str = "the thread that reads the kernel's maps has ended; please report this";
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Drain { store, last, answer }).ok().context(GONE)?;
        answered.await.context(GONE)?
    }
}

/// State of the thread.
struct Drainer {
    collector: Collector,
    stored: (Recorder, Moment),
    shown: (Recorder, Moment),
    store: Arc<Store>,
    /// Slot of the counters of each interface of the recorders.
    slots: Vec<usize>,
    /// Longest pause while the rings are empty.
    idle: Duration,
    /// Time of the last flip.
    flipped: Moment,
    /// Time at which the clocks were last read.
    seen: Moment,
    /// End of the hour of the last flip.
    hour_ends: Timestamp,
    warning: Option<String>,
    pulse: Pulse,
}

impl Drainer {
    fn work(&mut self, requests: &mpsc::Receiver<Request>) {
        let mut pause = LAZY;
        loop {
            match requests.recv_timeout(pause) {
                Ok(Request::Drain { store, last, answer }) => {
                    if last {
                        self.collector.end();
                    }
                    // The requester may be gone.
                    let _ = answer.send(self.drain(store));
                }
                Ok(Request::Describe { interfaces, filters }) => {
                    let (slots, interfaces): (_, Vec<_>) = interfaces.into_iter().unzip();
                    self.slots = slots;
                    for (recorder, _) in [&mut self.stored, &mut self.shown] {
                        recorder.describe(interfaces.clone(), filters.clone());
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            pause = match self.collector.poll() {
                fill if fill > HIGH => BUSY,
                fill if fill < EMPTY => (pause * 2).min(self.idle),
                _ => (pause * 2).min(LAZY),
            };
            let now = self.now();
            // The sources of an hour are those up to the full hour, whatever the interval is.
            if now.wall >= self.hour_ends || now.steady.duration_since(self.flipped.steady) >= LONGEST_GENERATION {
                self.collect(now);
            }
            self.pulse.beat(now.steady.duration_since(self.flipped.steady) >= 2 * LONGEST_GENERATION);
        }
    }

    /// Continues after another process. The first interval begins with its last snapshot if that is of the same run, else with
    /// the run.
    fn resume(&mut self, started_at: Timestamp, last: Option<&Snapshot>) -> anyhow::Result<()> {
        let now = Moment::now();
        let mut before = None;
        let tally = |counts: &Counts| {
            before = last.and_then(|last| Resumed::from_snapshot(last, counts));
            before.as_ref().map(Resumed::tally).unwrap_or_default()
        };
        self.collector.resume(tally, now.wall)?;
        let start = match (last, &before) {
            (Some(last), Some(_)) => last.generated_at,
            _ => started_at,
        };
        if let Some((queue, _)) = self.collector.queue() {
            queue.resumed(before.as_ref().map(|before| (start, before.counts())));
        }
        if let Some(payloads) = last.and_then(|last| last.payloads.as_ref()) {
            self.collector.resume_payloads(Captured::tally_of(payloads));
        }
        // The monotonic time of the other process is unknown.
        let since = Duration::try_from(now.wall.duration_since(start)).unwrap_or_default();
        let start = Moment { wall: start, steady: now.steady.checked_sub(since).unwrap_or(now.steady) };
        for (recorder, begin) in [&mut self.stored, &mut self.shown] {
            recorder.resume(before.clone().unwrap_or_default(), self.collector.captured().unwrap_or_default());
            *begin = start;
        }
        self.begin(now);
        Ok(())
    }

    /// The current time. After a step of the wall clock, earlier moments are corrected to the new clock, so that no interval
    /// has a wrong length.
    fn now(&mut self) -> Moment {
        let now = Moment::now();
        let step = now.step_since(self.seen);
        if step.abs() >= CLOCK_STEP {
            let (by, way) = (
                view::duration(step.round(Unit::Second).unwrap_or(step).unsigned_abs()),
                if step.is_negative() { "back" } else { "forward" },
            );
            tracing::warn!(
                "the clock was set {way} by {by}: counting continues, and snapshots have the times of the new clock"
            );
            for earlier in [&mut self.stored.1, &mut self.shown.1, &mut self.flipped] {
                earlier.set(step);
            }
            // Everything up to now belongs to the hour of the old clock.
            if self.collect(now) {
                // An interval of the archive is by one clock, so it is never negative.
                self.collector.account(now.wall.checked_sub(step).unwrap_or(now.wall));
                if let Some((queue, counts)) = self.collector.queue() {
                    queue.begin(now.wall, counts);
                }
            }
        }
        self.seen = now;
        now
    }

    fn drain(&mut self, store: bool) -> anyhow::Result<Drained> {
        let now = self.now();
        let taken = self.collect(now);
        // Whether the snapshot can be stored or not. But without a flip, records are ahead of the counters, and the interval
        // continues.
        if store && taken {
            self.collector.account(now.wall);
        }
        let (recorder, before) = if store { &mut self.stored } else { &mut self.shown };
        recorder.captured(self.collector.captured());
        let (counts, sources) = (self.collector.counts(), self.collector.sources());
        let mut snapshot = recorder.snapshot(counts, sources, now.span_since(*before));
        for (interface, slot) in snapshot.interfaces.iter_mut().zip(&self.slots) {
            self.collector.interface(*slot, interface);
        }
        if store {
            self.store.write(&snapshot)?;
        }
        recorder.stored(counts, sources.tally());
        *before = now;
        if store {
            self.collector.stored();
        }
        // A look has no place for a warning.
        let warning = if store { self.warning.take() } else { None };
        Ok(Drained { snapshot: Arc::new(snapshot), at: now.steady, took: now.steady.elapsed(), warning })
    }

    /// Takes everything up to now. Returns whether it succeeded.
    fn collect(&mut self, now: Moment) -> bool {
        let error = self.collector.collect(now.wall).err();
        let taken = error.as_ref().is_none_or(|error| matches!(error, CollectError::Imbalance(_)));
        if taken {
            self.begin(now);
        }
        if let Some(error) = error {
            self.warning = Some(error.to_string());
        }
        taken
    }

    /// Begins the next generation.
    fn begin(&mut self, now: Moment) {
        self.flipped = now;
        self.hour_ends = next_hour(now.wall);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_steps_are_not_part_of_an_interval() {
        let wall = |second| Timestamp::from_second(second).unwrap();
        let steady = Instant::now();
        let start = Moment { wall: wall(10_000), steady };
        let ten = Duration::from_secs(10);
        for (end, step) in [(10_010, 0), (6_410, -3_600), (13_610, 3_600)] {
            let now = Moment { wall: wall(end), steady: steady + ten };
            assert_eq!(now.step_since(start), SignedDuration::from_secs(step));
            let mut told = start;
            told.set(now.step_since(start));
            let span = now.span_since(told);
            assert_eq!((span.start, span.end, span.length), (wall(end - 10), wall(end), ten));
        }
        // A step that is too small to be corrected.
        let short =
            Moment { wall: wall(10_000) - Duration::from_millis(500), steady: steady + Duration::from_millis(100) };
        let span = short.span_since(start);
        assert_eq!(span.end.duration_since(span.start), SignedDuration::from_millis(100));
    }
}
