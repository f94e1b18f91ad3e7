//! Everything that the kernel program does with a frame, done here: for captures, and to test the program against.

use honeyxdp_common::{
    Disposition, Family, Syn, Tags,
    flow::{Flow, place},
    marks,
};
use jiff::Timestamp;

use crate::{
    Counts,
    filter::Filters,
    sources::{Imbalance, Observer, Settings},
};

/// Places in the flow cache, as a power of two.
const FLOW_BITS: u32 = 15;

/// Counts frames, filters them and gathers their sources.
#[derive(Debug)]
pub struct Census {
    filters: Filters,
    counts: Counts,
    sources: Observer,
    cache: Vec<Flow>,
}

impl Census {
    /// Starts with nothing at this time.
    pub fn new(filters: Filters, settings: &Settings, now: Timestamp) -> Self {
        Self {
            filters,
            counts: Counts::default(),
            sources: Observer::new(settings, now),
            cache: vec![Flow::default(); 1 << FLOW_BITS],
        }
    }

    /// Takes a frame of `bytes` bytes on the wire that came at this tick of some clock.
    #[inline]
    pub fn frame(&mut self, dissected: Result<Syn, Disposition>, bytes: u64, tick: u32) {
        let disposition = match dissected {
            Ok(syn) => self.syn(&syn, tick),
            Err(disposition) => disposition,
        };
        self.counts.frame(disposition, bytes);
    }

    /// Brings the sets of sources up to date.
    ///
    /// # Errors
    /// When the records do not add up to the counters.
    pub fn close(&mut self, now: Timestamp) -> Result<(), Imbalance> {
        for flow in self.cache.iter_mut().filter(|flow| flow.packets != 0) {
            self.sources.record(flow);
            flow.packets = 0;
        }
        self.sources.close(&self.counts, now)
    }

    /// The counters.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The sources, as of the last [`Census::close`].
    pub const fn sources(&self) -> &Observer {
        &self.sources
    }

    fn syn(&mut self, syn: &Syn, tick: u32) -> Disposition {
        if let Some(reason) = self.filters.of_headers(syn) {
            return self.counts.filter(reason);
        }
        let syn = self.filters.public(*syn);
        let tags = marks::tags(&syn);
        let family = marks::primary(tags);
        if let Some(reason) = self.filters.of_family(family) {
            return self.counts.filter(reason);
        }
        self.counts.syn(&syn, family, tags);
        self.flow(&syn, family, tags, tick);
        Disposition::Syn
    }

    fn flow(&mut self, syn: &Syn, family: Family, tags: Tags, tick: u32) {
        let flow = &mut self.cache[place(syn, family, 0, 64 - FLOW_BITS) as usize];
        if flow.packets != 0 {
            if flow.holds(syn, family) {
                flow.add(syn, tags, tick);
                return;
            }
            self.sources.record(flow);
        }
        *flow = Flow::begin(syn, family, tags, tick, 0);
        self.sources.sketch(family).add(syn.src, 0);
    }
}
