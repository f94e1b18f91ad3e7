//! The thread that reads the kernel's maps: records all the time, and everything when a snapshot is asked for.
//!
//! A thread of its own, because the kernel overwrites nothing and waits for nobody: who comes late finds a full ring.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp, Unit};
use tokio::sync::oneshot;

use crate::{
    cli::duration,
    collector::{Collector, CutError},
    kernel::Maps,
    snapshot::{Recorder, Run, Snapshot, Span, store::Store},
    sources::{Settings, next_hour},
};

/// Longest time between two looks at the rings. They hold several times what a fast link brings meanwhile.
const LAZY: Duration = Duration::from_millis(20);
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
pub(super) struct Clock {
    pub(super) wall: Timestamp,
    steady: Instant,
}

impl Clock {
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
    pub(super) snapshot: Snapshot,
    pub(super) warning: Option<String>,
}

/// The other threads' end.
pub(super) struct Drain {
    requests: mpsc::Sender<Request>,
}

/// What the thread is asked for, and where the answer goes.
struct Request {
    store: bool,
    answer: oneshot::Sender<anyhow::Result<Drained>>,
}

impl Drain {
    /// Starts the thread. It ends when this is dropped.
    pub(super) fn start(
        maps: Maps,
        settings: &Settings,
        run: Run,
        started: Clock,
        store: Arc<Store>,
    ) -> anyhow::Result<Self> {
        let (requests, received) = mpsc::channel();
        let recorder = || Recorder::new(run.clone(), store.last_sequence());
        let mut drainer = Drainer {
            collector: Collector::new(maps, settings, started.wall),
            stored: (recorder(), started),
            shown: (recorder(), started),
            store: Arc::clone(&store),
            cut: started,
            seen: started,
            warning: None,
        };
        thread::Builder::new()
            .name("drain".to_owned())
            .spawn(move || drainer.work(&received))
            .context("cannot start a thread for the drain")?;
        Ok(Self { requests })
    }

    /// Reads everything and stores what it says.
    pub(super) async fn publish(&self) -> anyhow::Result<Drained> {
        self.ask(true).await
    }

    /// Reads everything for people to look at; its interval is the time since it was last called.
    pub(super) async fn look(&self) -> anyhow::Result<Drained> {
        self.ask(false).await
    }

    async fn ask(&self, store: bool) -> anyhow::Result<Drained> {
        const GONE: &str = "the thread that reads the kernel's maps has ended; please report this";
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request { store, answer }).ok().context(GONE)?;
        answered.await.context(GONE)?
    }
}

/// The thread's end.
struct Drainer {
    collector: Collector,
    stored: (Recorder, Clock),
    shown: (Recorder, Clock),
    store: Arc<Store>,
    /// When the maps were last cut.
    cut: Clock,
    /// When the clocks were last looked at.
    seen: Clock,
    warning: Option<String>,
}

impl Drainer {
    fn work(&mut self, requests: &mpsc::Receiver<Request>) {
        let mut pause = LAZY;
        loop {
            match requests.recv_timeout(pause) {
                Ok(Request { store, answer }) => {
                    // Who asked may have gone.
                    let _ = answer.send(self.drain(store));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            pause = if self.collector.poll() > HIGH { BUSY } else { (pause * 2).min(LAZY) };
            let now = self.now();
            // The hour's sources are those up to the full hour, whatever the interval is.
            let hour_is_over = now.wall >= next_hour(self.cut.wall);
            if hour_is_over || now.steady.duration_since(self.cut.steady) >= CUT {
                self.cut(now);
            }
        }
    }

    /// What time it is. When the wall clock was set, earlier moments are told by the new one: then no interval has a length
    /// that it did not have.
    fn now(&mut self) -> Clock {
        let now = Clock::now();
        let step = now.step_since(self.seen);
        if step.abs() >= SET {
            let (by, way) = (
                duration::shown(step.round(Unit::Second).unwrap_or(step).unsigned_abs()),
                if step.is_negative() { "back" } else { "forward" },
            );
            tracing::warn!(
                "the clock was set {way} by {by}: counting goes on, and times of snapshots are those of the new clock"
            );
            for earlier in [&mut self.stored.1, &mut self.shown.1, &mut self.cut] {
                earlier.set(step);
            }
            // What came until now belongs to the hour of the clock before.
            self.cut(now);
        }
        self.seen = now;
        now
    }

    fn drain(&mut self, store: bool) -> anyhow::Result<Drained> {
        let now = self.now();
        self.cut(now);
        let (recorder, before) = if store { &mut self.stored } else { &mut self.shown };
        let (counts, sources) = (self.collector.counts(), self.collector.sources());
        let snapshot = recorder.snapshot(counts, sources, now.span_since(*before));
        if store {
            self.store.write(&snapshot)?;
        }
        recorder.published(counts, sources.tally());
        *before = now;
        if store {
            self.collector.stored();
        }
        Ok(Drained { snapshot, warning: self.warning.take() })
    }

    fn cut(&mut self, now: Clock) {
        match self.collector.cut(now.wall) {
            Ok(()) => self.cut = now,
            Err(error) => {
                if matches!(error, CutError::Imbalance(_)) {
                    self.cut = now;
                }
                self.warning = Some(error.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_never_negative_and_a_step_of_the_clock_is_not_part_of_it() {
        let wall = |second| Timestamp::from_second(second).unwrap();
        let steady = Instant::now();
        let start = Clock { wall: wall(10_000), steady };
        let ten = Duration::from_secs(10);
        for (end, step) in [(10_010, 0), (6_410, -3_600), (13_610, 3_600)] {
            let now = Clock { wall: wall(end), steady: steady + ten };
            assert_eq!(now.step_since(start), SignedDuration::from_secs(step));
            let mut told = start;
            told.set(now.step_since(start));
            let span = now.span_since(told);
            assert_eq!((span.start, span.end, span.length), (wall(end - 10), wall(end), ten));
        }
        // Less than what counts as set.
        let short =
            Clock { wall: wall(10_000) - Duration::from_millis(500), steady: steady + Duration::from_millis(100) };
        let span = short.span_since(start);
        assert_eq!(span.end.duration_since(span.start), SignedDuration::from_millis(100));
    }
}
