//! The kernel's records and counters, gathered into sets of sources.

use honeyxdp_common::{Disposition, Family, counters::GENERATIONS};
use jiff::Timestamp;

use crate::{
    Counts,
    archive::ArchiveQueue,
    kernel::{Flip, Maps, MapsError},
    payloads::{PayloadCapture, Tally as Labels},
    snapshot::{Captured, FamilyPackets, InterfaceReport},
    sources::{Imbalance, Settings, SourceTracker, Tally},
};

/// Why a cut failed.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// The maps could not be cut. Nothing is lost; try again.
    #[error(transparent)]
    Maps(#[from] MapsError),
    /// The numbers are there, but do not add up.
    #[error(transparent)]
    Imbalance(#[from] Imbalance),
}

/// Takes what the kernel program leaves in its maps.
#[derive(Debug)]
pub struct Collector {
    maps: Maps,
    sources: SourceTracker,
    responder: Option<PayloadCapture>,
    responds: bool,
}

impl Collector {
    /// Collects from these maps, from now on.
    pub fn new(maps: Maps, settings: &Settings, now: Timestamp) -> Self {
        Self { maps, sources: SourceTracker::new(settings, now), responder: None, responds: false }
    }

    /// From now on payloads are labelled. `responds` says whether SYNs are answered.
    pub fn responder(&mut self, payload_capture: PayloadCapture, responds: bool) {
        (self.responder, self.responds) = (Some(payload_capture), responds);
    }

    /// Takes the records that wait. To be called so often that no ring fills up; returns how full the fullest was, from 0 to
    /// 1.
    pub fn poll(&mut self) -> f64 {
        let payloads = self.payloads();
        self.records(None).max(payloads)
    }

    /// Takes payloads, if anybody looks at them.
    fn payloads(&mut self) -> f64 {
        let Some(responder) = &mut self.responder else { return 0.0 };
        let now = Timestamp::now();
        self.maps.payloads(|payload| responder.payload(payload, now))
    }

    /// Takes records, up to a cut if there is one.
    fn records(&mut self, cut: Option<&Flip>) -> f64 {
        let Some(responder) = &mut self.responder else {
            return self.maps.records(cut, |flow| self.sources.record(flow));
        };
        let now = Timestamp::now();
        self.maps.records(cut, |flow| {
            self.sources.record(flow);
            responder.record(flow, now);
        })
    }

    /// Labels what came up to now, after all marks up to a cut are known.
    fn label(&mut self) {
        let Some(responder) = &mut self.responder else { return };
        let mut queue = self.sources.queue();
        responder.close(Timestamp::now(), |payload| {
            if let Some(queue) = &mut queue {
                queue.payload(payload);
            }
        });
    }

    /// Nothing more will come: what goes on is over at the next cut.
    pub fn end(&mut self) {
        if let Some(responder) = &mut self.responder {
            responder.end();
        }
    }

    /// Goes on with what a process before had labelled.
    pub fn go_on(&mut self, labels: Labels) {
        if let Some(responder) = &mut self.responder {
            responder.resume(labels);
        }
    }

    /// Payloads up to the last cut, if anybody looks at them.
    pub fn captured(&self) -> Option<Captured> {
        let tally = self.responder.as_ref()?.tally().clone();
        Some(Captured { tally, events: self.maps.events(), responds: self.responds })
    }

    /// Cuts, and takes everything up to the cut: then counters, records and sets of sources are of one moment.
    ///
    /// # Errors
    /// See [`CutError`].
    pub fn cut(&mut self, now: Timestamp) -> Result<(), CutError> {
        // Payloads that are read before the cut have their marks in its records; of later ones the mark may come after it.
        self.payloads();
        let cut = self.maps.flip()?;
        self.records(Some(&cut));
        self.label();
        for &family in Family::ALL {
            self.maps.sketch(&cut, family, self.sources.sketch(family));
        }
        self.sources.close(self.maps.counts(&cut), now)?;
        Ok(())
    }

    /// Goes on where another process ended: takes all that it left. `before` is what it had said of records.
    ///
    /// # Errors
    /// When the maps cannot be cut.
    pub fn resume(&mut self, before: impl FnOnce(&Counts) -> Tally, now: Timestamp) -> Result<(), MapsError> {
        // It may have been killed between a cut and the end of reading, so either half may hold flows that nobody has read.
        for _ in 0..GENERATIONS {
            let cut = self.maps.flip()?;
            self.records(Some(&cut));
            for &family in Family::ALL {
                self.maps.sketch(&cut, family, self.sources.sketch(family));
            }
            self.maps.counts(&cut);
        }
        let counts = self.maps.counted();
        self.sources.resume(counts, before(counts), now);
        for &family in Family::ALL {
            self.maps.total_sketch(family, self.sources.total_sketch(family));
        }
        Ok(())
    }

    /// From now on every record goes into an archive too.
    pub fn archive(&mut self, queue: ArchiveQueue) {
        self.sources.archive(queue);
    }

    /// Where records go besides, and the counters at the last cut.
    pub const fn queue(&mut self) -> Option<(&mut ArchiveQueue, &Counts)> {
        match self.sources.queue() {
            Some(queue) => Some((queue, self.maps.counted())),
            None => None,
        }
    }

    /// Ends an interval of the archive at the last cut, if there is an archive.
    pub fn account(&mut self, end: Timestamp) {
        let lost = self.captured().map_or(0, |captured| captured.lost());
        if let Some((queue, counts)) = self.queue() {
            queue.payloads_lost(lost);
            queue.interval(end, counts);
        }
    }

    /// The counters at the last cut.
    pub const fn counts(&self) -> &Counts {
        self.maps.counted()
    }

    /// Says of an interface what it saw up to the last cut. `slot` is the place of its counters.
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

    /// The sources up to the last cut.
    pub const fn sources(&self) -> &SourceTracker {
        &self.sources
    }

    /// The interval was stored: the next one begins.
    pub fn stored(&mut self) {
        self.sources.stored();
    }
}
