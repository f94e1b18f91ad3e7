//! Reading the counters, and making snapshots of them.

use std::time::Instant;

use jiff::Timestamp;

use crate::{
    Counts,
    kernel::Program,
    snapshot::{InterfaceReport, Recorder, Sensor, Snapshot, Span, store::Store},
};

/// One moment by both clocks.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    wall: Timestamp,
    steady: Instant,
}

impl Clock {
    pub(super) fn now() -> Self {
        Self { wall: Timestamp::now(), steady: Instant::now() }
    }

    pub(super) fn span_since(self, start: Self) -> Span {
        Span { start: start.wall, end: self.wall, length: self.steady.duration_since(start.steady) }
    }
}

/// Reads the counters and makes snapshots of them: stored ones, and those for the live table.
pub(super) struct Drain<'a> {
    program: Program,
    counts: Counts,
    stored: (Recorder, Clock),
    shown: (Recorder, Clock),
    store: &'a Store,
}

impl<'a> Drain<'a> {
    pub(super) fn new(
        program: Program,
        sensor: Sensor,
        interfaces: Vec<InterfaceReport>,
        started: Clock,
        store: &'a Store,
    ) -> Self {
        let recorder = || Recorder::new(sensor.clone(), interfaces.clone(), started.wall, store.last_sequence());
        Self { program, counts: Counts::default(), stored: (recorder(), started), shown: (recorder(), started), store }
    }

    /// Reads the counters and stores what they say.
    pub(super) fn publish(&mut self) -> anyhow::Result<Snapshot> {
        self.program.maps().read(&mut self.counts);
        let now = Clock::now();
        let (recorder, before) = &mut self.stored;
        let snapshot = recorder.snapshot(&self.counts, now.span_since(*before));
        self.store.write(&snapshot)?;
        recorder.published(&self.counts);
        *before = now;
        Ok(snapshot)
    }

    /// Reads the counters for people to look at; its interval is the time since it was last called.
    pub(super) fn look(&mut self) -> Snapshot {
        self.program.maps().read(&mut self.counts);
        let now = Clock::now();
        let (recorder, before) = &mut self.shown;
        let snapshot = recorder.snapshot(&self.counts, now.span_since(*before));
        recorder.published(&self.counts);
        *before = now;
        snapshot
    }
}
