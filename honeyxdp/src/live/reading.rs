//! Readings of the counters for live views.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::snapshot::Snapshot;

/// A snapshot with the moment and the duration of its reading.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The counters.
    pub snapshot: Arc<Snapshot>,
    /// Time of the reading.
    pub at: Instant,
    /// Duration of the drain, storing included.
    pub took: Duration,
}

/// Reads the counters for live views; called at most once a second, however many clients ask.
#[derive(Clone)]
pub struct Look(Arc<dyn Fn() -> Looking + Send + Sync>);

type Looking = Pin<Box<dyn Future<Output = anyhow::Result<Reading>> + Send>>;

impl Look {
    /// Reads by calling `look`.
    pub fn new<F>(look: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = anyhow::Result<Reading>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(look())))
    }

    pub(super) fn now(&self) -> Looking {
        (self.0)()
    }
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").finish_non_exhaustive()
    }
}
