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
    sources::{Imbalance, Observer, Settings, next_hour},
};

/// Places in the flow cache, as a power of two: 16 MiB. A capture is read once, so there is no second generation to pay for.
const FLOW_BITS: u32 = 18;

/// SYNs that wait: so many places are fetched from memory at the same time.
const DEPTH: usize = 16;
/// In place of a place.
const NOWHERE: u32 = u32::MAX;

/// A SYN that is counted, but not in its flow yet.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    syn: Syn,
    family: Family,
    tags: Tags,
    tick: u32,
    place: u32,
}

impl Waiting {
    const NONE: Self = Self { syn: Syn::BLANK, family: Family::OTHER, tags: 0, tick: 0, place: NOWHERE };
}

/// Counts frames, filters them and gathers their sources.
#[derive(Debug)]
pub struct Census {
    filters: Filters,
    counts: Counts,
    sources: Observer,
    cache: Vec<Flow>,
    /// SYNs whose place in the cache is on its way from memory. What is at `next` is the oldest.
    waiting: [Waiting; DEPTH],
    next: usize,
    /// Second at which the present hour ends; nothing before the first frame.
    hour_ends: Option<i64>,
    imbalance: Option<Imbalance>,
}

impl Census {
    /// Starts with nothing.
    pub fn new(filters: Filters, settings: &Settings) -> Self {
        Self {
            filters,
            counts: Counts::default(),
            sources: Observer::new(settings, Timestamp::UNIX_EPOCH),
            cache: vec![Flow::default(); 1 << FLOW_BITS],
            waiting: [Waiting::NONE; DEPTH],
            next: 0,
            hour_ends: None,
            imbalance: None,
        }
    }

    /// What time it is, in seconds since the Unix epoch: sources are counted by hour and day. A time before the last one
    /// changes nothing.
    #[inline]
    pub fn clock(&mut self, seconds: i64) {
        if self.hour_ends.is_none_or(|end| seconds >= end) {
            self.turn_hour(seconds);
        }
    }

    #[cold]
    fn turn_hour(&mut self, seconds: i64) {
        let Ok(time) = Timestamp::from_second(seconds) else {
            return;
        };
        match self.hour_ends {
            None => self.sources.begin(time),
            Some(_) => self.imbalance = self.imbalance.or(self.close(time).err()),
        }
        self.hour_ends = Some(next_hour(time).as_second());
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
        for _ in 0..DEPTH {
            self.exchange(Waiting::NONE);
        }
        for flow in self.cache.iter_mut().filter(|flow| flow.packets != 0) {
            self.sources.record(flow);
            flow.packets = 0;
        }
        let result = self.sources.close(&self.counts, now);
        self.imbalance.take().map_or(result, Err)
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
        let place = place(syn, family, 0, 64 - FLOW_BITS);
        prefetch(&self.cache[place as usize]);
        self.exchange(Waiting { syn: *syn, family, tags, tick, place });
    }

    /// Puts a SYN into the queue, and the oldest one of it into its flow.
    fn exchange(&mut self, new: Waiting) {
        let Waiting { syn, family, tags, tick, place } = std::mem::replace(&mut self.waiting[self.next], new);
        self.next = (self.next + 1) % DEPTH;
        if place == NOWHERE {
            return;
        }
        let (syn, flow) = (&syn, &mut self.cache[place as usize]);
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

/// Tells the processor that this is looked at soon. Many flows do not fit its caches, and waiting for memory would take most of
/// the time.
#[inline]
fn prefetch(flow: &Flow) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: it is a hint that changes nothing, and the reference is valid.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(flow).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = flow;
}
