//! Who takes flow records: a fixed list, which a sensor and a replay share.
//!
//! A record is judged once by the multi-packet fingerprints, and then goes with their verdict to every consumer that is
//! there. A consumer that is off costs nothing.

use honeyxdp_common::{Family, flow::Flow};
use jiff::Timestamp;

use crate::{
    Counts,
    archive::ArchiveQueue,
    pairs::PairTracker,
    payloads::{PayloadCapture, Tally as PayloadTally},
    sketch::Sketch,
    sources::{Imbalance, Settings, SourceTracker, Tally},
};

/// The consumers of flow records.
#[derive(Debug)]
pub struct Consumers {
    pairs: PairTracker,
    sources: SourceTracker,
    archive: Option<ArchiveQueue>,
    payloads: Option<PayloadCapture>,
}

impl Consumers {
    /// Counts sources from `now` on. Archive and payload capture are off.
    pub fn new(settings: &Settings, now: Timestamp) -> Self {
        Self {
            pairs: PairTracker::new(settings.pair_memory()),
            sources: SourceTracker::new(settings, now),
            archive: None,
            payloads: None,
        }
    }

    /// Adds an archive.
    pub fn set_archive(&mut self, queue: ArchiveQueue) {
        self.archive = Some(queue);
    }

    /// Adds payload capture.
    pub fn set_payloads(&mut self, capture: PayloadCapture) {
        self.payloads = Some(capture);
    }

    /// Hands a record to every consumer.
    #[inline]
    pub fn record(&mut self, flow: &Flow) {
        let attributed = self.pairs.record(flow);
        if let Some(archive) = &mut self.archive {
            archive.record(flow, attributed.map(|attributed| attributed.pair));
        }
        if let Some(payloads) = &mut self.payloads {
            payloads.record(flow);
        }
        self.sources.record(flow, attributed);
    }

    /// Registers of a family, to merge those of the kernel into.
    pub fn sketch(&mut self, family: Family) -> &mut Sketch {
        self.sources.sketch(family)
    }

    /// Registers of a family since the start, to merge those into that another process left.
    pub fn total_sketch(&mut self, family: Family) -> &mut Sketch {
        self.sources.total_sketch(family)
    }

    /// Classifies the payloads that wait, now that all records before them were taken.
    pub fn classify(&mut self, now: Timestamp) {
        let Self { archive, payloads: Some(payloads), .. } = self else { return };
        payloads.close(now, |payload| {
            if let Some(archive) = archive {
                archive.payload(payload);
            }
        });
    }

    /// Compares records with counters and updates the windows. `counts` are the counters up to the last record.
    ///
    /// # Errors
    /// Returns an error if records and counters do not add up. Everything is up to date all the same.
    pub fn close(&mut self, counts: &Counts, now: Timestamp) -> Result<(), Imbalance> {
        let closed = self.sources.close(counts, now);
        self.age();
        closed
    }

    /// Continues after another process. See [`SourceTracker::resume`].
    pub fn resume(&mut self, counts: &Counts, before: Tally, now: Timestamp) {
        self.sources.resume(counts, before, now);
        self.age();
    }

    /// Continues with the payload counters of another process.
    pub fn resume_payloads(&mut self, tally: PayloadTally) {
        if let Some(payloads) = &mut self.payloads {
            payloads.resume(tally);
        }
    }

    fn age(&mut self) {
        self.pairs.age();
        self.sources.set_pair_test_skipped(self.pairs.skipped());
    }

    /// The source tracker.
    pub const fn sources(&self) -> &SourceTracker {
        &self.sources
    }

    /// The source tracker, to begin or end its windows.
    pub const fn sources_mut(&mut self) -> &mut SourceTracker {
        &mut self.sources
    }

    /// The archive queue, if there is an archive.
    pub const fn archive(&mut self) -> Option<&mut ArchiveQueue> {
        self.archive.as_mut()
    }

    /// The payload capture, if there is one.
    pub const fn payloads(&self) -> Option<&PayloadCapture> {
        self.payloads.as_ref()
    }

    /// The payload capture, to hand it payloads.
    pub const fn payloads_mut(&mut self) -> Option<&mut PayloadCapture> {
        self.payloads.as_mut()
    }
}
