//! Everything that the kernel program does with a frame, done here: for captures, and to test the program against.

use std::ops::Range;

use honeyxdp_common::{
    Disposition, Family, FamilySet, Syn,
    counters::FAMILY_SLOTS,
    dissect::{self, Sink},
    fingerprints,
};
use jiff::Timestamp;

use super::{LinkType, flows::Flows};
use crate::{
    Counts,
    archive::ArchiveQueue,
    consumers::Consumers,
    filter::Filters,
    sources::{Imbalance, Settings, SourceTracker, next_hour},
};

/// Records are told by ticks of 32 bits, so those in memory are of times that are not further apart, in seconds.
const FAR: i64 = 10 * 86_400;

/// Counts frames, filters them and gathers their sources.
#[derive(Debug)]
pub struct Pipeline {
    filters: Filters,
    counts: Counts,
    consumers: Consumers,
    /// Whether the filters let everything through.
    unfiltered: bool,
    flows: Flows,
    /// Second at which the present hour ends; nothing before the first frame.
    hour_ends: Option<i64>,
    /// Seconds at which there is nothing to do.
    quiet: Range<i64>,
    imbalance: Option<Imbalance>,
}

impl Pipeline {
    /// Starts with nothing.
    pub fn new(filters: Filters, settings: &Settings) -> Self {
        Self {
            unfiltered: filters == Filters::default(),
            filters,
            counts: Counts::default(),
            consumers: Consumers::new(settings, Timestamp::UNIX_EPOCH),
            flows: Flows::new(),
            hour_ends: None,
            quiet: 0..0,
            imbalance: None,
        }
    }

    /// From now on every record goes into an archive too, in intervals of the hours of the capture.
    pub fn archive(&mut self, queue: ArchiveQueue) {
        self.consumers.set_archive(queue);
    }

    /// What time it is, in seconds since the Unix epoch: sources are counted by hour and day. A time before the last one
    /// changes nothing.
    #[inline]
    pub fn clock(&mut self, seconds: i64) {
        if !self.quiet.contains(&seconds) {
            self.turn(seconds);
        }
    }

    #[cold]
    fn turn(&mut self, seconds: i64) {
        let Ok(time) = Timestamp::from_second(seconds) else {
            return;
        };
        let mut hour_ends = next_hour(time).as_second();
        match self.hour_ends {
            None => self.consumers.sources_mut().begin(time),
            Some(end) if seconds >= end => self.imbalance = self.imbalance.or(self.close(time).err()),
            Some(end) => {
                // Another capture, of another time: records so far are told by the one before.
                self.flows.empty(&mut self.consumers);
                self.end_interval(Timestamp::MAX);
                hour_ends = end;
            }
        }
        if let Some(queue) = self.consumers.archive() {
            queue.begin(time, &self.counts);
        }
        self.hour_ends = Some(hour_ends);
        self.quiet = seconds.saturating_sub(FAR)..seconds.saturating_add(FAR).min(hour_ends);
    }

    /// Takes a packet of a capture, `bytes` bytes long on the wire, that came at this tick of some clock.
    #[inline]
    pub fn packet(&mut self, link: LinkType, data: &[u8], bytes: u64, tick: u32) {
        match link {
            LinkType::Ethernet => {
                let disposition = dissect::ethernet(data, Counting { pipeline: self, tick });
                self.counts.frame(disposition, bytes);
            }
            other => self.frame(super::dissect(other, data), bytes, tick),
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
        self.flows.empty(&mut self.consumers);
        let result = self.consumers.close(&self.counts, now);
        self.end_interval(now);
        self.imbalance.take().map_or(result, Err)
    }

    /// Ends an interval of the archive. It is over when its hour is, however late the next frame comes.
    fn end_interval(&mut self, now: Timestamp) {
        let hour_ends = self.hour_ends.and_then(|end| Timestamp::from_second(end).ok());
        if let Some(queue) = self.consumers.archive() {
            queue.interval(hour_ends.map_or(now, |end| end.min(now)), &self.counts);
        }
    }

    /// The counters.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The sources, as of the last [`Pipeline::close`].
    pub const fn sources(&self) -> &SourceTracker {
        self.consumers.sources()
    }

    #[inline(always)]
    fn syn(&mut self, syn: &Syn, tick: u32) -> Disposition {
        if !self.unfiltered {
            // A copy, so that without filters the fields need not be in memory.
            return self.filtered(*syn, tick);
        }
        let matched = fingerprints::matching(syn);
        self.count(syn, PRIMARY[matched as usize % PRIMARY.len()], matched, tick);
        Disposition::Syn
    }

    #[inline(never)]
    fn filtered(&mut self, syn: Syn, tick: u32) -> Disposition {
        if let Some(reason) = self.filters.of_headers(&syn) {
            return self.counts.filter(reason);
        }
        let syn = self.filters.public(syn);
        let matched = fingerprints::matching(&syn);
        let family = fingerprints::primary(matched);
        if let Some(reason) = self.filters.of_family(family) {
            return self.counts.filter(reason);
        }
        self.count(&syn, family, matched, tick);
        Disposition::Syn
    }

    #[inline(always)]
    fn count(&mut self, syn: &Syn, family: Family, matched: FamilySet, tick: u32) {
        self.counts.syn(syn, family, matched);
        self.flows.add(syn, family, matched, tick, &mut self.consumers);
    }
}

/// [`fingerprints::primary`] of all matched: the search for it takes as long as two marks.
static PRIMARY: [Family; 1 << FAMILY_SLOTS] = {
    let mut table = [Family::OTHER; 1 << FAMILY_SLOTS];
    let mut matched: FamilySet = 0;
    while (matched as usize) < table.len() {
        table[matched as usize] = fingerprints::primary(matched);
        matched += 1;
    }
    table
};

/// Counts what the parser finds, in every way through it.
struct Counting<'a> {
    pipeline: &'a mut Pipeline,
    tick: u32,
}

impl Sink for Counting<'_> {
    #[inline(always)]
    fn take(self, syn: Syn) -> Disposition {
        self.pipeline.syn(&syn, self.tick)
    }
}
