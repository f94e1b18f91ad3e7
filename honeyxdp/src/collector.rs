//! From the kernel's maps to the consumers of records, counters and payloads.

use honeyxdp_common::{Disposition, Family, counters::GENERATIONS};
use jiff::Timestamp;

use crate::{
    Counts,
    archive::ArchiveQueue,
    consumers::Consumers,
    kernel::{Flip, Maps, MapsError},
    payloads::{PayloadCapture, Tally as PayloadTally},
    snapshot::{Captured, FamilyPackets, InterfaceReport},
    sources::{Imbalance, Settings, SourceTracker, Tally},
};

/// Why a collection failed.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The generations could not be flipped. Nothing is lost; try again.
    #[error(transparent)]
    Maps(#[from] MapsError),
    /// Everything was read, but records and counters do not add up.
    #[error(transparent)]
    Imbalance(#[from] Imbalance),
}

/// Reads the kernel program's maps.
#[derive(Debug)]
pub struct Collector {
    maps: Maps,
    consumers: Consumers,
    responds: bool,
}

impl Collector {
    /// Collects from these maps, from `now` on.
    pub fn new(maps: Maps, settings: &Settings, now: Timestamp) -> Self {
        Self { maps, consumers: Consumers::new(settings, now), responds: false }
    }

    /// Adds payload capture. `responds` says whether the responder answers SYNs.
    pub fn responder(&mut self, capture: PayloadCapture, responds: bool) {
        self.consumers.set_payloads(capture);
        self.responds = responds;
    }

    /// Adds an archive.
    pub fn archive(&mut self, queue: ArchiveQueue) {
        self.consumers.set_archive(queue);
    }

    /// Takes waiting records and payloads. Call it before a ring can fill up. Returns how full the fullest ring was, from 0
    /// to 1.
    pub fn poll(&mut self) -> f64 {
        let payloads = self.payloads();
        self.records(None).max(payloads)
    }

    fn payloads(&mut self) -> f64 {
        let Some(capture) = self.consumers.payloads_mut() else { return 0.0 };
        capture.set_time(Timestamp::now());
        self.maps.payloads(|payload| capture.payload(payload))
    }

    /// Takes records: those in the rings, and with a flip those of the inactive generation too.
    fn records(&mut self, flip: Option<&Flip>) -> f64 {
        if let Some(capture) = self.consumers.payloads_mut() {
            capture.set_time(Timestamp::now());
        }
        self.maps.records(flip, |flow| self.consumers.record(flow))
    }

    /// Ends all logins that are still open: the next collection is the last.
    pub fn end(&mut self) {
        if let Some(capture) = self.consumers.payloads_mut() {
            capture.end();
        }
    }

    /// Continues with the payload counters of another process.
    pub fn resume_payloads(&mut self, tally: PayloadTally) {
        self.consumers.resume_payloads(tally);
    }

    /// Payload counters up to the last collection, if payloads are captured.
    pub fn captured(&self) -> Option<Captured> {
        let tally = self.consumers.payloads()?.tally().clone();
        Some(Captured { tally, events: self.maps.events(), responds: self.responds })
    }

    /// Flips the generations and takes everything up to the flip, so that counters, records and sets of sources are of one
    /// moment.
    ///
    /// # Errors
    /// See [`CollectError`].
    pub fn collect(&mut self, now: Timestamp) -> Result<(), CollectError> {
        // Payloads read before the flip have the fingerprints of their sources in its records. Those of later payloads may
        // only be in the next generation.
        self.payloads();
        let flip = self.maps.flip()?;
        self.records(Some(&flip));
        self.consumers.classify(Timestamp::now());
        for &family in Family::ALL {
            self.maps.sketch(&flip, family, self.consumers.sketch(family));
        }
        self.consumers.close(self.maps.counts(&flip), now)?;
        Ok(())
    }

    /// Continues after another process: takes everything it left. `before` returns the records that it reported.
    ///
    /// # Errors
    /// Returns an error if the generations cannot be flipped.
    pub fn resume(&mut self, before: impl FnOnce(&Counts) -> Tally, now: Timestamp) -> Result<(), MapsError> {
        // A process killed between a flip and the end of reading leaves unread flows in either generation.
        for _ in 0..GENERATIONS {
            let flip = self.maps.flip()?;
            self.records(Some(&flip));
            for &family in Family::ALL {
                self.maps.sketch(&flip, family, self.consumers.sketch(family));
            }
            self.maps.counts(&flip);
        }
        let counts = self.maps.counted();
        self.consumers.resume(counts, before(counts), now);
        for &family in Family::ALL {
            self.maps.total_sketch(family, self.consumers.total_sketch(family));
        }
        Ok(())
    }

    /// The archive queue, if there is an archive, and the counters at the last collection.
    pub const fn queue(&mut self) -> Option<(&mut ArchiveQueue, &Counts)> {
        match self.consumers.archive() {
            Some(queue) => Some((queue, self.maps.counted())),
            None => None,
        }
    }

    /// Ends an interval of the archive at the last collection, if there is an archive.
    pub fn account(&mut self, end: Timestamp) {
        let lost = self.captured().map_or(0, |captured| captured.lost());
        if let Some((queue, counts)) = self.queue() {
            queue.payloads_lost(lost);
            queue.interval(end, counts);
        }
    }

    /// The counters at the last collection.
    pub const fn counts(&self) -> &Counts {
        self.maps.counted()
    }

    /// Fills in what an interface saw up to the last collection. `slot` is that of its counters.
    pub fn interface(&self, slot: usize, report: &mut InterfaceReport) {
        let counts = self.maps.interface(slot);
        let dispositions = Disposition::ALL.into_iter();
        report.frames =
            dispositions.map(|disposition| (disposition.name().to_owned(), counts.disposition(disposition))).collect();
        let families = Family::ALL.iter();
        let packets = |&family: &Family| FamilyPackets {
            name: family.name().to_owned(),
            packets: self.maps.syns_of(slot, family),
        };
        report.families = families.map(packets).collect();
    }

    /// The sources up to the last collection.
    pub const fn sources(&self) -> &SourceTracker {
        self.consumers.sources()
    }

    /// Ends the interval, which was stored.
    pub fn stored(&mut self) {
        self.consumers.sources_mut().stored();
    }
}
