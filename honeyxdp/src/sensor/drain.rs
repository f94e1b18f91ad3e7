//! The thread that reads the kernel's maps: records all the time, and everything when a snapshot is asked for.
//!
//! A thread of its own, because the kernel overwrites nothing and waits for nobody: who comes late finds a full ring.

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
    collector::{Collector, CutError},
    kernel::Maps,
    payloads::PayloadCapture,
    snapshot::{Captured, InterfaceReport, Recorder, Resumed, Run, Snapshot, Span, store::Store},
    sources::{Settings, next_hour},
    view,
};

/// Longest time between two looks at the rings. They hold several times what a fast link brings meanwhile.
const LAZY: Duration = Duration::from_millis(20);
/// The same while next to nothing comes: waking up is most of what an idle sensor takes of a CPU.
const IDLE: Duration = Duration::from_millis(50);
/// Less full than this, nothing comes.
const EMPTY: f64 = 0.001;
/// SYNs a second that one CPU brings at most: a ring must have room for twice what comes in an idle pause.
const RATE: u32 = 5_000_000;
/// Shortest time.
const BUSY: Duration = Duration::from_micros(500);
/// A ring that is fuller than this, is looked at more often.
const HIGH: f64 = 0.1;
/// Longest time between two cuts: a flow's counter has 32 bits.
const CUT: Duration = Duration::from_secs(60);

/// A wall clock that is off by more than this was set; less is within what both clocks take to be read.
const SET: SignedDuration = SignedDuration::from_secs(1);

/// One moment by both clocks.
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
        // Steps are taken out of `start`; one that is too small for that can still be longer than a short interval.
        let start = if self.wall < start.wall { before(self.wall, length) } else { start.wall };
        Span { start, end: self.wall, length }
    }

    /// How far the wall clock was set since `earlier`: forward, or back if it is negative.
    fn step_since(self, earlier: Self) -> SignedDuration {
        let steady = SignedDuration::try_from(self.steady.duration_since(earlier.steady)).unwrap_or_default();
        self.wall.duration_since(earlier.wall).saturating_sub(steady)
    }

    /// The same moment by a wall clock that was set since.
    fn set(&mut self, step: SignedDuration) {
        self.wall = self.wall.checked_add(step).unwrap_or(self.wall);
    }
}

fn before(end: Timestamp, length: Duration) -> Timestamp {
    end.checked_sub(length).unwrap_or(end)
}

/// A snapshot, and what is wrong with it.
pub(super) struct Drained {
    pub(super) snapshot: Arc<Snapshot>,
    /// When the counters were read.
    pub(super) at: Instant,
    /// How long it took, storing included.
    pub(super) took: Duration,
    pub(super) warning: Option<String>,
}

/// Signs of life of the thread, for others to look at.
#[derive(Clone, Default)]
pub(super) struct Pulse(Arc<Beats>);

#[derive(Default)]
struct Beats {
    looks: AtomicU64,
    overdue: AtomicBool,
}

impl Pulse {
    /// How often the thread has come round: read the rings, and answered who asked. It stands still when the thread hangs,
    /// wherever that is.
    pub(super) fn beats(&self) -> u64 {
        self.0.looks.load(Ordering::Relaxed)
    }

    /// Whether cuts succeed: false when the last one is older than twice the longest time between two.
    pub(super) fn is_cutting(&self) -> bool {
        !self.0.overdue.load(Ordering::Relaxed)
    }

    fn beat(&self, overdue: bool) {
        self.0.overdue.store(overdue, Ordering::Relaxed);
        self.0.looks.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the thread reads, and what it says of it.
pub(super) struct Counted {
    pub(super) maps: Maps,
    pub(super) run: Run,
    /// Of each interface of the run, the slot of its counters.
    pub(super) slots: Vec<usize>,
    /// Whether another process has read the maps before.
    pub(super) resumed: bool,
    /// Whether another one can read them afterwards.
    pub(super) pinned: bool,
    /// Where records go besides.
    pub(super) archive: Option<ArchiveQueue>,
    /// Who labels payloads, and whether SYNs are answered.
    pub(super) responder: Option<(PayloadCapture, bool)>,
}

/// The other threads' end.
pub(super) struct Drain {
    requests: mpsc::Sender<Request>,
    pulse: Pulse,
}

/// What the thread is asked for.
enum Request {
    /// A snapshot, stored or only shown, and where it goes.
    Drain { store: bool, last: bool, answer: oneshot::Sender<anyhow::Result<Drained>> },
    /// To say this of the interfaces and filters from now on.
    Describe { interfaces: Vec<(usize, InterfaceReport)>, filters: Filters },
}

/// What a snapshot says of filters.
type Filters = BTreeMap<String, serde_json::Value>;

impl Drain {
    /// Starts the thread. It ends when this is dropped.
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
            cut: started,
            seen: started,
            hour_ends: next_hour(started.wall),
            warning: None,
            pulse: Pulse::default(),
        };
        let looks = responder.is_some();
        if let Some((payload_capture, responds)) = responder {
            drainer.collector.responder(payload_capture, responds);
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

    /// Its signs of life.
    pub(super) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Reads everything and stores what it says.
    pub(super) async fn publish(&self) -> anyhow::Result<Drained> {
        self.ask(true, false).await
    }

    /// The same when nothing more will come.
    pub(super) async fn publish_last(&self) -> anyhow::Result<Drained> {
        self.ask(true, true).await
    }

    /// Reads everything for people to look at; its interval is the time since it was last called.
    pub(super) async fn look(&self) -> anyhow::Result<Drained> {
        self.ask(false, false).await
    }

    /// From now on snapshots say this of interfaces and filters.
    pub(super) fn describe(&self, interfaces: Vec<(usize, InterfaceReport)>, filters: Filters) {
        // A thread that is gone is noticed by whoever wants a snapshot.
        let _ = self.requests.send(Request::Describe { interfaces, filters });
    }

    async fn ask(&self, store: bool, last: bool) -> anyhow::Result<Drained> {
        const GONE: &str = "the thread that reads the kernel's maps has ended; please report this";
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Drain { store, last, answer }).ok().context(GONE)?;
        answered.await.context(GONE)?
    }
}

/// The thread's end.
struct Drainer {
    collector: Collector,
    stored: (Recorder, Moment),
    shown: (Recorder, Moment),
    store: Arc<Store>,
    /// Of each interface of the recorders, the slot of its counters.
    slots: Vec<usize>,
    /// Longest pause when nothing comes.
    idle: Duration,
    /// When the maps were last cut.
    cut: Moment,
    /// When the clocks were last looked at.
    seen: Moment,
    /// When the hour of that ends.
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
                    // Who asked may have gone.
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
            // The hour's sources are those up to the full hour, whatever the interval is.
            if now.wall >= self.hour_ends || now.steady.duration_since(self.cut.steady) >= CUT {
                self.cut(now);
            }
            self.pulse.beat(now.steady.duration_since(self.cut.steady) >= 2 * CUT);
        }
    }

    /// Goes on where another process ended: the first interval begins with its last snapshot, if that is of the same run,
    /// else with the run.
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
            self.collector.go_on(Captured::tally_of(payloads));
        }
        // The steady clock of the other process is not known here.
        let since = Duration::try_from(now.wall.duration_since(start)).unwrap_or_default();
        let start = Moment { wall: start, steady: now.steady.checked_sub(since).unwrap_or(now.steady) };
        for (recorder, begin) in [&mut self.stored, &mut self.shown] {
            recorder.resume(before.clone().unwrap_or_default(), self.collector.captured().unwrap_or_default());
            *begin = start;
        }
        self.begin(now);
        Ok(())
    }

    /// What time it is. When the wall clock was set, earlier moments are told by the new one: then no interval has a length
    /// that it did not have.
    fn now(&mut self) -> Moment {
        let now = Moment::now();
        let step = now.step_since(self.seen);
        if step.abs() >= SET {
            let (by, way) = (
                view::duration(step.round(Unit::Second).unwrap_or(step).unsigned_abs()),
                if step.is_negative() { "back" } else { "forward" },
            );
            tracing::warn!(
                "the clock was set {way} by {by}: counting goes on, and times of snapshots are those of the new clock"
            );
            for earlier in [&mut self.stored.1, &mut self.shown.1, &mut self.cut] {
                earlier.set(step);
            }
            // What came until now belongs to the hour of the clock before.
            if self.cut(now) {
                // An interval of the archive is told by one clock, and so is not shorter than nothing.
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
        let taken = self.cut(now);
        // Whether the snapshot can be stored or not; but without a cut there are records that no counter has yet, and the
        // interval goes on.
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
        // Who only looks has no place to say it.
        let warning = if store { self.warning.take() } else { None };
        Ok(Drained { snapshot: Arc::new(snapshot), at: now.steady, took: now.steady.elapsed(), warning })
    }

    /// Takes everything up to now. Returns whether it could.
    fn cut(&mut self, now: Moment) -> bool {
        let error = self.collector.cut(now.wall).err();
        let taken = error.as_ref().is_none_or(|error| matches!(error, CutError::Imbalance(_)));
        if taken {
            self.begin(now);
        }
        if let Some(error) = error {
            self.warning = Some(error.to_string());
        }
        taken
    }

    /// Everything up to now was taken.
    fn begin(&mut self, now: Moment) {
        self.cut = now;
        self.hour_ends = next_hour(now.wall);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_never_negative_and_a_step_of_the_clock_is_not_part_of_it() {
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
        // Less than what counts as set.
        let short =
            Moment { wall: wall(10_000) - Duration::from_millis(500), steady: steady + Duration::from_millis(100) };
        let span = short.span_since(start);
        assert_eq!(span.end.duration_since(span.start), SignedDuration::from_millis(100));
    }
}
