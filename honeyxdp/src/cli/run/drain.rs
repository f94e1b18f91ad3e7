//! The thread that reads the kernel's maps: records all the time, and everything when a snapshot is asked for.
//!
//! A thread of its own, because the kernel overwrites nothing and waits for nobody: who comes late finds a full ring.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::{
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
        Span { start: start.wall, end: self.wall, length: self.steady.duration_since(start.steady) }
    }
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
            let now = Clock::now();
            // The hour's sources are those up to the full hour, whatever the interval is.
            let hour_is_over = now.wall >= next_hour(self.cut.wall);
            if hour_is_over || now.steady.duration_since(self.cut.steady) >= CUT {
                self.cut(now);
            }
        }
    }

    fn drain(&mut self, store: bool) -> anyhow::Result<Drained> {
        let now = Clock::now();
        self.cut(now);
        let (recorder, before) = if store { &mut self.stored } else { &mut self.shown };
        let (counts, sources) = (self.collector.counts(), self.collector.sources());
        let mut snapshot = recorder.snapshot(counts, sources, now.span_since(*before));
        Recorder::interfaces(&mut snapshot, &self.collector.frames());
        if store {
            self.store.write(&snapshot)?;
        }
        recorder.published(counts, sources.tally());
        *before = now;
        if store {
            self.collector.stored();
        }
        // Who only looks has no place to say it.
        let warning = if store { self.warning.take() } else { None };
        Ok(Drained { snapshot: Arc::new(snapshot), at: now.steady, took: now.steady.elapsed(), warning })
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
