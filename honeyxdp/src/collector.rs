//! The kernel's records and counters, gathered into sets of sources.

use honeyxdp_common::{Family, counters::V6};
use jiff::Timestamp;

use crate::{
    Counts,
    kernel::{Maps, MapsError},
    sources::{Imbalance, Observer, Settings},
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
    sources: Observer,
}

impl Collector {
    /// Collects from these maps, from now on.
    pub fn new(maps: Maps, settings: &Settings, now: Timestamp) -> Self {
        Self { maps, sources: Observer::new(settings, now) }
    }

    /// Takes the records that wait. To be called so often that no ring fills up; returns how full the fullest was, from 0 to
    /// 1.
    pub fn poll(&mut self) -> f64 {
        self.maps.records(None, |flow| self.sources.record(flow))
    }

    /// Cuts, and takes everything up to the cut: then counters, records and sets of sources are of one moment.
    ///
    /// # Errors
    /// See [`CutError`].
    pub fn cut(&mut self, now: Timestamp) -> Result<(), CutError> {
        let cut = self.maps.cut()?;
        self.maps.records(Some(&cut), |flow| self.sources.record(flow));
        for &family in Family::ALL {
            self.maps.sketch(&cut, family, self.sources.sketch(family));
        }
        self.sources.close(self.maps.counts(&cut), now)?;
        Ok(())
    }

    /// The counters at the last cut.
    pub const fn counts(&self) -> &Counts {
        self.maps.counted()
    }

    /// Frames of each interface by disposition at the last cut, in the order in which the interfaces were given.
    pub fn frames(&self) -> Vec<[u64; V6]> {
        self.maps.frames()
    }

    /// The sources up to the last cut.
    pub const fn sources(&self) -> &Observer {
        &self.sources
    }

    /// The interval was stored: the next one begins.
    pub fn stored(&mut self) {
        self.sources.stored();
    }
}
