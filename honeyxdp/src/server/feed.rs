//! What the server is told by those who count.

use std::{
    collections::BTreeSet,
    fmt,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::document::Document;
use crate::snapshot::Snapshot;

/// A snapshot, and when and how fast it was read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What was counted.
    pub snapshot: Arc<Snapshot>,
    /// When the counters were read.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
}

/// Reads the counters, for people who look. It is called once a second at most, whoever looks.
#[derive(Clone)]
pub struct Look(Arc<dyn Fn() -> Looking + Send + Sync>);

type Looking = Pin<Box<dyn Future<Output = anyhow::Result<Reading>> + Send>>;

impl Look {
    /// Looks by calling this.
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

/// The newest of everything.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    /// The newest snapshot that was stored.
    pub(super) newest: Option<Arc<Document>>,
    /// Why the last drain failed, if it did.
    pub(super) failure: Option<String>,
    /// Interfaces that the program is attached to.
    pub(super) attached: BTreeSet<String>,
    /// Interfaces that it should be attached to and is not.
    pub(super) missing: BTreeSet<String>,
    /// When the server started.
    pub(super) started: Instant,
}

/// Tells the server what is new. Never waits.
#[derive(Debug)]
pub struct Publisher(watch::Sender<Feed>);

impl Publisher {
    pub(super) fn new() -> (Self, watch::Receiver<Feed>) {
        let feed = Feed {
            newest: None,
            failure: None,
            attached: BTreeSet::new(),
            missing: BTreeSet::new(),
            started: Instant::now(),
        };
        let (sender, receiver) = watch::channel(feed);
        (Self(sender), receiver)
    }

    /// A snapshot was stored.
    pub fn stored(&self, reading: Reading) {
        self.0.send_modify(|feed| {
            feed.newest = Some(Arc::new(Document::new(reading)));
            feed.failure = None;
        });
    }

    /// A drain failed, or what it read could not be stored.
    pub fn failed(&self, why: String) {
        self.0.send_modify(|feed| feed.failure = Some(why));
    }

    /// The program is attached to these interfaces and to no other, and should be attached to those that are missing.
    pub fn watched<'a>(&self, attached: impl IntoIterator<Item = &'a str>, missing: impl IntoIterator<Item = &'a str>) {
        let attached = attached.into_iter().map(str::to_owned).collect();
        let missing = missing.into_iter().map(str::to_owned).collect();
        self.0.send_if_modified(|feed| {
            let changed = feed.attached != attached || feed.missing != missing;
            (feed.attached, feed.missing) = (attached, missing);
            changed
        });
    }
}
