//! Sets of source addresses: exact while memory lasts, with estimates beside them.
//!
//! [`SourceTracker::record`] adds the source of a record to the sets of the current slice. [`SourceTracker::close`] compares
//! the slice with the counters, so that SYNs without a record are known by family and port, and merges it into the windows:
//! interval, hour, day and run. Sets merge without error.

mod report;
mod set;
mod windows;

use std::collections::BTreeMap;

use honeyxdp_common::{Family, counters::FAMILY_SLOTS, flow::Flow};
use jiff::{SignedDuration, Timestamp, ToSpan as _, Unit, tz::TimeZone};

pub use report::{
    AttributedReport, MemoryReport, PortSources, UniqueSources, WindowFamily, WindowPort, WindowReport, Windows,
};
pub use set::SourceSet;

use self::windows::Window;
use crate::{Counts, filter::PortSet, pairs::Attributed, sketch::Sketch};

/// Settings of a [`SourceTracker`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Ports whose sources are counted.
    pub ports: PortSet,
    /// Memory for sets of sources and multi-packet fingerprints, bytes. Beyond it the largest sets are evicted.
    pub memory: u64,
}

impl Settings {
    /// Bytes that multi-packet fingerprints may take.
    pub const fn pair_memory(&self) -> u64 {
        self.memory / PAIRS
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { ports: PORTS.parse().expect("the list is one of ports"), memory: MEMORY }
    }
}

/// Ports that bots scan for, see docs/use/fingerprints.md: sources are counted for these when no ports are named.
pub const PORTS: &str =
    "22,23,80,81,443,445,2323,3389,5358,5555,7547,8080,8291,8443,9000,9527,9530,34567,37215,52869,60001";
/// Default memory for sets of sources, bytes.
pub const MEMORY: u64 = 512 << 20;
/// A clock set back by at most this stays in its window: clocks are corrected at the turn of an hour or day.
const SMALL_STEP: SignedDuration = SignedDuration::from_mins(5);
/// Divisor of the memory for the part of multi-packet fingerprints.
const PAIRS: u64 = 4;

/// Records so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// SYNs in them.
    pub packets: u64,
    /// SYNs in records that a killed process had read and not reported.
    pub gone: u64,
}

/// Records and counters do not add up: a bug, which no number may hide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{counted} SYNs were counted, but {recorded} are in records and {missing} counted as missing: please report this"
)]
pub struct Imbalance {
    /// SYNs by the counters, since the start.
    pub counted: u64,
    /// SYNs in records, since the start.
    pub recorded: u64,
    /// SYNs in lost records, or left out by sampling, since the start.
    pub missing: u64,
}

/// Counts distinct sources.
#[derive(Debug)]
pub struct SourceTracker {
    /// Index of each watched port.
    ports: BTreeMap<u16, usize>,
    index: Vec<Option<u16>>,
    memory: u64,
    sets_evicted: u64,
    pair_test_skipped: u64,
    tally: Tally,
    slice: Slice,
    interval: Window,
    total: Window,
    hour: Dated,
    day: Dated,
}

/// What came since the last time that windows were brought up to date.
#[derive(Debug)]
struct Slice {
    window: Window,
    start: Timestamp,
    /// SYNs in records.
    families: [u64; FAMILY_SLOTS],
    ports: Vec<u64>,
    /// The counters at its start.
    before: Vec<u64>,
    families_before: [u64; FAMILY_SLOTS],
}

/// A window of the calendar, UTC.
#[derive(Debug)]
struct Dated {
    unit: Unit,
    start: Timestamp,
    since: Timestamp,
    /// The latest time in it.
    latest: Timestamp,
    window: Window,
    last: Option<WindowReport>,
}

impl SourceTracker {
    /// Starts with nothing at this time.
    pub fn new(settings: &Settings, now: Timestamp) -> Self {
        let ports: BTreeMap<u16, usize> = settings.ports.iter().zip(0..).collect();
        let mut index = vec![None; 1 << 16];
        for (&port, &at) in &ports {
            index[usize::from(port)] = u16::try_from(at).ok();
        }
        let window = Window::new(ports.len());
        Self {
            index,
            memory: settings.memory,
            sets_evicted: 0,
            pair_test_skipped: 0,
            tally: Tally::default(),
            slice: Slice {
                window: window.clone(),
                start: now,
                families: [0; FAMILY_SLOTS],
                ports: vec![0; ports.len()],
                before: vec![0; ports.len()],
                families_before: [0; FAMILY_SLOTS],
            },
            interval: window.clone(),
            total: window.clone(),
            hour: Dated::new(Unit::Hour, now, &window),
            day: Dated::new(Unit::Day, now, &window),
            ports,
        }
    }

    /// Sets the time of the first record, if it was not known at the start.
    pub fn begin(&mut self, time: Timestamp) {
        self.slice.start = time;
        for dated in [&mut self.hour, &mut self.day] {
            (dated.start, dated.since, dated.latest) = (start_of(dated.unit, time), time, time);
        }
    }

    /// Takes a record, with the attribution of its source.
    pub fn record(&mut self, flow: &Flow, attributed: Option<Attributed>) {
        let packets = u64::from(flow.packets);
        self.tally.records += 1;
        self.tally.packets += packets;
        self.slice.families[flow.family().wire_id()] += packets;
        let port = self.index[usize::from(flow.dport())].map(usize::from);
        if let Some(port) = port {
            self.slice.ports[port] += packets;
        }
        if self.slice.window.record(flow, port, attributed) {
            self.slice.window.settle();
            self.bound();
        }
    }

    /// Registers of a family, to merge those of the kernel into.
    pub fn sketch(&mut self, family: Family) -> &mut Sketch {
        self.slice.window.sketch(family)
    }

    /// Brings all windows up to date. `counts` are the counters up to the last record.
    ///
    /// # Errors
    /// When the records do not add up to the counters. The windows are up to date all the same.
    pub fn close(&mut self, counts: &Counts, now: Timestamp) -> Result<(), Imbalance> {
        self.settle(counts);
        // Of the slice's own hour: one that ends with the hour is brought here a moment later.
        self.hour.begin(self.slice.start, &self.ports);
        self.day.begin(self.slice.start, &self.ports);
        for window in [&mut self.total, &mut self.hour.window, &mut self.day.window] {
            window.merge(&self.slice.window);
        }
        self.next_slice(now);

        let missing = counts.lost_packets() + counts.sampled_out() + self.tally.gone;
        if counts.syns() == self.tally.packets + missing {
            Ok(())
        } else {
            Err(Imbalance { counted: counts.syns(), recorded: self.tally.packets, missing })
        }
    }

    /// Continues after another process. `counts` are the counters up to the last record, `before` the records that process
    /// reported. Its sets are lost: its SYNs are missing in those of the run and of the interval, and hour and day start over.
    pub fn resume(&mut self, counts: &Counts, before: Tally, now: Timestamp) {
        self.settle(counts);
        self.total.merge(&self.slice.window);
        self.next_slice(now);
        self.begin(now);
        self.tally.records += before.records;
        self.tally.packets += before.packets;
        let known = self.tally.packets + counts.lost_packets() + counts.sampled_out();
        self.tally.gone = counts.syns().saturating_sub(known);
    }

    /// Compares the slice with the counters.
    fn settle(&mut self, counts: &Counts) {
        let slice = &mut self.slice;
        let mut missing = counts.families();
        let mut families = missing;
        std::mem::swap(&mut families, &mut slice.families_before);
        for ((missing, before), recorded) in missing.iter_mut().zip(families).zip(&mut slice.families) {
            *missing = (*missing - before).saturating_sub(std::mem::take(recorded));
        }
        let counted = self.ports.keys().map(|&port| counts.port_syns(port));
        let missing_ports: Vec<u64> = counted
            .zip(&mut slice.before)
            .zip(&mut slice.ports)
            .map(|((counted, before), recorded)| {
                let new = counted - std::mem::replace(before, counted);
                new.saturating_sub(std::mem::take(recorded))
            })
            .collect();
        slice.window.settle();
        slice.window.miss(&missing, missing_ports.into_iter());
    }

    /// Ends the slice, which the longer windows already have, and begins the next one.
    fn next_slice(&mut self, now: Timestamp) {
        // Mostly the interval is empty, and this saves a copy.
        self.interval.take(&mut self.slice.window);
        self.slice.window = Window::new(self.ports.len());
        self.slice.start = now;
        self.bound();
    }

    /// Sets the number of SYNs that no multi-packet fingerprint examined, for [`Report::memory`].
    pub const fn set_pair_test_skipped(&mut self, packets: u64) {
        self.pair_test_skipped = packets;
    }

    /// Registers of a family since the start, to merge those of an earlier process into.
    pub fn total_sketch(&mut self, family: Family) -> &mut Sketch {
        self.total.sketch(family)
    }

    /// The interval was stored: the next one begins.
    pub fn stored(&mut self) {
        self.interval = Window::new(self.ports.len());
    }

    /// Records so far.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// What the windows hold.
    pub fn report(&self) -> Report<'_> {
        Report(self)
    }

    /// Evicts the largest sets until the rest fits.
    fn bound(&mut self) {
        let mut used = self.used();
        while used > self.memory - self.memory / PAIRS {
            let windows = [
                &mut self.slice.window,
                &mut self.interval,
                &mut self.hour.window,
                &mut self.day.window,
                &mut self.total,
            ];
            let Some(largest) = windows.into_iter().flat_map(Window::sets_mut).max_by_key(|set| set.bytes()) else {
                return;
            };
            if largest.bytes() == 0 {
                return;
            }
            used -= largest.bytes();
            largest.give_up();
            self.sets_evicted += 1;
        }
    }

    /// Bytes of all sets.
    fn used(&self) -> u64 {
        [&self.slice.window, &self.interval, &self.hour.window, &self.day.window, &self.total]
            .into_iter()
            .flat_map(Window::sets)
            .map(SourceSet::bytes)
            .sum()
    }
}

/// The results of a tracker.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a>(&'a SourceTracker);

impl Report<'_> {
    /// A family's sources since the start.
    pub fn total_family(&self, family: Family) -> UniqueSources {
        self.0.total.family(family)
    }

    /// A family's sources in the interval.
    pub fn interval_family(&self, family: Family) -> UniqueSources {
        self.0.interval.family(family)
    }

    /// A port's sources since the start, if it is watched.
    pub fn total_port(&self, port: u16) -> Option<PortSources> {
        Some(self.0.total.port(*self.0.ports.get(&port)?))
    }

    /// A port's sources in the interval, if it is watched.
    pub fn interval_port(&self, port: u16) -> Option<PortSources> {
        Some(self.0.interval.port(*self.0.ports.get(&port)?))
    }

    /// What pair tests attributed since the start.
    pub fn total_attributed(&self) -> Vec<AttributedReport> {
        self.0.total.attributed()
    }

    /// What they attributed in the interval.
    pub fn interval_attributed(&self) -> Vec<AttributedReport> {
        self.0.interval.attributed()
    }

    /// Hours and days. Each lists at most `most` ports.
    pub fn windows(&self, most: usize) -> Windows {
        let ports = &self.0.ports;
        let last = |dated: &Dated| dated.last.clone().map(|last| last.limited(most));
        Windows {
            hour: self.0.hour.report(ports).limited(most),
            last_hour: last(&self.0.hour),
            day: self.0.day.report(ports).limited(most),
            last_day: last(&self.0.day),
        }
    }

    /// How the memory is used.
    pub fn memory(&self) -> MemoryReport {
        MemoryReport {
            limit: self.0.memory,
            sets: self.0.used(),
            sets_evicted: self.0.sets_evicted,
            pair_test_skipped: self.0.pair_test_skipped,
        }
    }
}

impl Dated {
    fn new(unit: Unit, now: Timestamp, window: &Window) -> Self {
        Self { unit, start: start_of(unit, now), since: now, latest: now, window: window.clone(), last: None }
    }

    /// Begins anew if `time` is in another hour or day. The window before is always an earlier one: when the clock was set
    /// back, what was counted by the wrong one is given up, unless it is so little that the clock soon catches up.
    fn begin(&mut self, time: Timestamp, ports: &BTreeMap<u16, usize>) {
        let start = start_of(self.unit, time);
        let is_earlier = start < self.start;
        if is_earlier && self.latest.duration_since(time) <= SMALL_STEP {
            return;
        }
        self.latest = if is_earlier { time } else { time.max(self.latest) };
        if start != self.start {
            self.last = match self.last.take() {
                _ if !is_earlier => Some(self.report(ports)),
                last => last.filter(|last| last.start < start),
            };
            (self.start, self.since) = (start, time);
            self.window = Window::new(ports.len());
        }
    }

    fn report(&self, ports: &BTreeMap<u16, usize>) -> WindowReport {
        WindowReport {
            start: self.start,
            since: self.since,
            families: Family::ALL
                .iter()
                .map(|&family| WindowFamily {
                    name: family.name().to_owned(),
                    unique_sources: self.window.family(family),
                })
                .filter(|family| family.unique_sources.estimate > 0)
                .collect(),
            ports: ports
                .iter()
                .map(|(&port, &at)| WindowPort { port, unique_sources: self.window.port(at) })
                .filter(|port| port.unique_sources.value > 0)
                .collect(),
            other_ports: 0,
        }
    }
}

fn start_of(unit: Unit, time: Timestamp) -> Timestamp {
    let zoned = time.to_zoned(TimeZone::UTC);
    let start = match unit {
        Unit::Hour => zoned.with().minute(0).second(0).subsec_nanosecond(0).build(),
        _ => zoned.start_of_day(),
    };
    start.map_or(time, |start| start.timestamp())
}

/// The next full hour after `time`, UTC: when the windows of the calendar want to be brought up to date.
pub fn next_hour(time: Timestamp) -> Timestamp {
    start_of(Unit::Hour, time).checked_add(1.hour()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use honeyxdp_common::{Address, Syn};

    use super::*;
    use crate::{Pipeline, filter::Filters};

    /// Noon, UTC.
    const NOON: i64 = 1_546_344_000;

    fn pipeline() -> Pipeline {
        Pipeline::new(Filters::default(), &Settings::default())
    }

    /// Mirai's SYN to port 23.
    fn mirai(pipeline: &mut Pipeline, time: i64, hosts: std::ops::Range<u32>) {
        pipeline.clock(time);
        for host in hosts {
            let (src, dst) = (Address::from_v4(host), Address::from_v4(7));
            pipeline.frame(Ok(Syn { src, dst, seq: 7, dport: 23, ..Syn::BLANK }), 60, 0);
        }
    }

    #[test]
    fn sources_count_in_every_hour_and_day_they_appear_in() {
        let mut pipeline = pipeline();
        mirai(&mut pipeline, NOON, 0..100);
        mirai(&mut pipeline, NOON + 3_599, 50..150);
        mirai(&mut pipeline, NOON + 3_600, 140..200);
        mirai(&mut pipeline, NOON + 13 * 3_600, 0..10);
        pipeline.close(Timestamp::from_second(NOON + 13 * 3_600).unwrap()).unwrap();
        let report = pipeline.sources().report();
        let windows = report.windows(usize::MAX);
        let value = |window: &WindowReport| {
            (window.start.as_second(), window.family("mirai").unwrap().value, window.port(23).unwrap().value)
        };
        assert_eq!(value(&windows.hour), (NOON + 13 * 3_600, 10, 10));
        assert_eq!(value(windows.last_hour.as_ref().unwrap()), (NOON + 3_600, 60, 60));
        assert_eq!(value(&windows.day), (NOON + 12 * 3_600, 10, 10));
        let last_day = windows.last_day.unwrap();
        assert_eq!(value(&last_day), (NOON - 12 * 3_600, 200, 200));
        assert_eq!(last_day.since.as_second(), NOON, "it does not say that it saw the morning");
        let total = report.total_family(Family::MIRAI);
        assert_eq!((total.value, total.exact), (200, true));
    }

    #[test]
    fn windows_stay_in_order_when_the_clock_is_set_back() {
        let mut tracker = SourceTracker::new(&Settings::default(), Timestamp::from_second(NOON).unwrap());
        let mut counts = Counts::default();
        // One new source in each slice, which ends at these minutes after noon.
        let mut host = 0;
        let mut slice = |tracker: &mut SourceTracker, minute: i64| {
            host += 1;
            let syn = Syn { src: Address::from_v4(host), dport: 80, ..Syn::BLANK };
            counts.syn(&syn, Family::OTHER, 0);
            counts.frame(honeyxdp_common::Disposition::Syn, 60);
            tracker.record(&Flow::begin(&syn, Family::OTHER, 0, 0, 0), None);
            tracker.close(&counts, Timestamp::from_second(NOON + minute * 60).unwrap()).unwrap();
            let minutes = |time: Timestamp| (time.as_second() - NOON) / 60;
            let windows = tracker.report().windows(usize::MAX);
            let value =
                |window: &WindowReport| (minutes(window.start), minutes(window.since), window.port(80).unwrap().value);
            (value(&windows.hour), windows.last_hour.as_ref().map(value))
        };
        assert_eq!(slice(&mut tracker, 61), ((0, 0, 1), None));
        assert_eq!(slice(&mut tracker, 58), ((60, 61, 1), Some((0, 0, 1))));
        // Two minutes before the hour again: the present hour goes on.
        assert_eq!(slice(&mut tracker, 80), ((60, 61, 2), Some((0, 0, 1))));
        assert_eq!(slice(&mut tracker, 20), ((60, 61, 3), Some((0, 0, 1))));
        // An hour back: counted anew since then, and what the wrong clock called the hour before is no more.
        assert_eq!(slice(&mut tracker, 50), ((0, 20, 1), None));
        assert_eq!(slice(&mut tracker, 60), ((0, 20, 2), None));
        assert_eq!(slice(&mut tracker, 70), ((60, 60, 1), Some((0, 20, 2))));
        assert_eq!(tracker.report().total_port(80).unwrap().value, 7);
    }

    #[test]
    fn storing_ends_the_interval_only() {
        let mut tracker = SourceTracker::new(&Settings::default(), Timestamp::UNIX_EPOCH);
        let mut counts = Counts::default();
        let mut send = |tracker: &mut SourceTracker, host: u32| {
            let syn = Syn { src: Address::from_v4(host), dport: 80, ..Syn::BLANK };
            counts.syn(&syn, Family::OTHER, 0);
            counts.frame(honeyxdp_common::Disposition::Syn, 60);
            tracker.record(&Flow::begin(&syn, Family::OTHER, 0, 0, 0), None);
            tracker.close(&counts, Timestamp::UNIX_EPOCH).unwrap();
        };
        send(&mut tracker, 1);
        send(&mut tracker, 2);
        assert_eq!(tracker.report().interval_family(Family::OTHER).value, 2);
        tracker.stored();
        send(&mut tracker, 2);
        assert_eq!(tracker.report().interval_family(Family::OTHER).value, 1);
        assert_eq!(tracker.report().total_port(80).unwrap().value, 2);
        assert_eq!(tracker.report().total_port(9), None, "it is not watched");
    }

    #[test]
    fn a_lost_record_makes_only_its_family_and_port_inexact() {
        let mut tracker = SourceTracker::new(&Settings::default(), Timestamp::UNIX_EPOCH);
        let mut counts = Counts::default();
        for (family, dport, recorded) in [(Family::MIRAI, 23, true), (Family::OTHER, 80, false)] {
            let syn = Syn { src: Address::from_v4(9), dport, ..Syn::BLANK };
            counts.syn(&syn, family, 0);
            counts.frame(honeyxdp_common::Disposition::Syn, 60);
            if recorded {
                tracker.record(&Flow::begin(&syn, family, 0, 0, 0), None);
            }
        }
        let error = tracker.close(&counts, Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(error, Imbalance { counted: 2, recorded: 1, missing: 0 });
        let report = tracker.report();
        assert!(report.total_family(Family::MIRAI).exact && report.total_port(23).unwrap().exact);
        assert!(!report.total_family(Family::OTHER).exact && !report.total_port(80).unwrap().exact);
    }
}
