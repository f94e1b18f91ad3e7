//! What went wrong, as soon as it does.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Faults that are kept and shown; of the others only the number.
const SHOWN: usize = 50;

/// What went wrong so far. All threads of the run tell it.
pub(crate) struct Faults {
    start: Instant,
    all: Mutex<(Vec<Fault>, u64)>,
}

/// Something that must not happen.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Since the run began.
    pub(crate) at: Duration,
    /// A sentence.
    pub(crate) text: String,
}

impl Faults {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), all: Mutex::default() }
    }

    /// Time since the run began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Says and keeps one. Text can be what a program under test printed, so it is shown escaped.
    pub(crate) fn add(&self, text: impl Into<String>) {
        let text: String = text.into();
        let text = text.lines().map(|line| line.escape_debug().to_string()).collect::<Vec<_>>().join("\n    ");
        let at = self.elapsed();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.1 += 1;
        if all.0.len() < SHOWN {
            println!("FAULT after {:.1} s: {text}", at.as_secs_f64());
            all.0.push(Fault { at, text });
        }
    }

    /// Those that were kept, and the number of all.
    pub(crate) fn all(&self) -> (Vec<Fault>, u64) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
