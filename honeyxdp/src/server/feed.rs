//! The server's input from the sensor.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use tokio::sync::watch;

use super::document::Document;
use crate::live::Reading;

/// The newest state.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    /// The newest stored snapshot.
    pub(super) newest: Option<Arc<Document>>,
    /// Why the last drain failed, if it did.
    pub(super) failure: Option<String>,
    /// Interfaces that the program is attached to.
    pub(super) attached: BTreeSet<String>,
    /// Interfaces that it should be attached to and is not.
    pub(super) missing: BTreeSet<String>,
    /// Start of the server.
    pub(super) started: Instant,
}

/// Passes new state to the server without waiting.
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
