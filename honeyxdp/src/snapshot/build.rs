//! From counters to the document.

use std::{collections::BTreeMap, time::Duration};

use honeyxdp_common::{Disposition, Family, FilterReason};
use jiff::Timestamp;

use super::{
    Captured, FamilyReport, Frames, InterfaceReport, Interval, PortReport, PortSources, Records, SCHEMA, Snapshot,
    UniqueSources, sensor::Sensor,
};
use crate::{
    Counts,
    sources::{SourceTracker, Tally},
};

/// A stretch of time, by two clocks.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Wall clock at its start.
    pub start: Timestamp,
    /// Wall clock at its end.
    pub end: Timestamp,
    /// How long it was, by a clock that nobody sets.
    pub length: Duration,
}

/// What stays the same in all snapshots of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Who counts.
    pub sensor: Sensor,
    /// On which interfaces.
    pub interfaces: Vec<InterfaceReport>,
    /// Since when.
    pub started_at: Timestamp,
    /// Which SYNs.
    pub filters: BTreeMap<String, serde_json::Value>,
}

/// Makes snapshots of one run of a sensor, and remembers what the last one said.
#[derive(Debug)]
pub struct Recorder {
    run: Run,
    /// Counters and records of the last snapshot that was published.
    published: (Counts, Tally),
    /// Payloads until now, if anybody looks at them, and those of the last snapshot.
    payloads: (Option<Captured>, Captured),
    sequence: u64,
}

impl Recorder {
    /// Starts at zero. `sequence` is the number of the last snapshot that anybody wrote to the same directory.
    pub fn new(run: Run, sequence: u64) -> Self {
        Self { run, published: Default::default(), payloads: Default::default(), sequence }
    }

    /// Goes on from what another process had published.
    pub fn resume(&mut self, published: (Counts, Tally), payloads: Captured) {
        (self.published, self.payloads.1) = (published, payloads);
    }

    /// From now on this is said of interfaces and filters.
    pub fn describe(&mut self, interfaces: Vec<InterfaceReport>, filters: BTreeMap<String, serde_json::Value>) {
        (self.run.interfaces, self.run.filters) = (interfaces, filters);
    }

    /// The next snapshot says this of payloads.
    pub fn captured(&mut self, captured: Option<Captured>) {
        self.payloads.0 = captured;
    }

    /// The next snapshot. It becomes the last one only when [`Recorder::published`] says that it was stored: so after a
    /// full disk the next interval holds what the one before could not say.
    pub fn snapshot(&self, counts: &Counts, sources: &SourceTracker, interval: Span) -> Snapshot {
        let delta = counts.since(&self.published.0);
        let (tally, before) = (sources.tally(), self.published.1);
        let new = Tally {
            records: tally.records - before.records,
            packets: tally.packets - before.packets,
            gone: tally.gone - before.gone,
        };
        let report = sources.report();
        let payloads = self.payloads.0.as_ref();
        Snapshot {
            schema: SCHEMA.to_owned(),
            generated_at: interval.end,
            started_at: self.run.started_at,
            sequence: self.sequence + 1,
            sensor: self.run.sensor.clone(),
            interfaces: self.run.interfaces.clone(),
            frames: frames(counts),
            families: families(counts, |family| report.total_family(family)),
            ports: ports(counts, |port| report.total_port(port)),
            attributed: report.total_attributed(),
            records: Some(records(counts, tally)),
            payloads: payloads.map(Captured::report),
            windows: report.windows(),
            filters: self.run.filters.clone(),
            memory: report.memory(),
            interval: Interval {
                start: interval.start,
                end: interval.end,
                seconds: interval.length.as_secs_f64(),
                frames: frames(&delta),
                families: families(&delta, |family| report.interval_family(family)),
                ports: ports(&delta, |port| report.interval_port(port)),
                attributed: report.interval_attributed(),
                records: Some(records(&delta, new)),
                payloads: payloads.map(|payloads| payloads.since(&self.payloads.1).report()),
            },
        }
    }

    /// The last snapshot was stored, and this was counted until then.
    pub fn published(&mut self, counts: &Counts, tally: Tally) {
        self.published.0.catch_up(counts);
        self.published.1 = tally;
        self.payloads.1 = self.payloads.0.clone().unwrap_or_default();
        self.sequence += 1;
    }
}

const fn records(counts: &Counts, tally: Tally) -> Records {
    Records {
        emitted: tally.records,
        packets: tally.packets,
        lost: counts.lost_records(),
        lost_packets: counts.lost_packets() + tally.gone,
        sampled_out_packets: counts.sampled_out(),
    }
}

fn frames(counts: &Counts) -> Frames {
    let dispositions: BTreeMap<String, u64> = Disposition::ALL
        .into_iter()
        .map(|disposition| (disposition.name().to_owned(), counts.disposition(disposition)))
        .collect();
    let filtered =
        FilterReason::ALL.into_iter().map(|reason| (reason.name().to_owned(), counts.filtered(reason))).collect();
    Frames { seen: dispositions.values().sum(), bytes: counts.bytes(), dispositions, filtered }
}

fn families(counts: &Counts, sources: impl Fn(Family) -> UniqueSources) -> BTreeMap<String, FamilyReport> {
    let mut families: BTreeMap<String, FamilyReport> = Family::ALL
        .iter()
        .map(|&family| {
            let rules = family.rules();
            let report = FamilyReport {
                rule: rules[0].id.to_owned(),
                rule_v6: rules.get(1).map(|rule| rule.id.to_owned()),
                packets: 0,
                packets_v6: counts.family_v6(family),
                matched: counts.secondary(family),
                ports: BTreeMap::new(),
                unique_sources: Some(sources(family)),
            };
            (family.name().to_owned(), report)
        })
        .collect();
    for (port, row) in counts.ports() {
        for (family, count) in seen(row) {
            let report = families.get_mut(family.name()).expect("every family is in the map");
            report.packets += count;
            report.matched += count;
            report.ports.insert(port, count);
        }
    }
    families
}

fn ports(counts: &Counts, sources: impl Fn(u16) -> Option<PortSources>) -> BTreeMap<u16, PortReport> {
    counts
        .ports()
        .map(|(port, row)| {
            let families: BTreeMap<String, u64> =
                seen(row).map(|(family, count)| (family.name().to_owned(), count)).collect();
            (port, PortReport { packets: families.values().sum(), families, unique_sources: sources(port) })
        })
        .collect()
}

/// The families with a count in this row.
fn seen(row: &[u64]) -> impl Iterator<Item = (Family, u64)> {
    Family::ALL.iter().map(|&family| (family, row[family.wire_id()])).filter(|&(_, count)| count > 0)
}

#[cfg(test)]
mod tests {
    use honeyxdp_common::{Address, Syn};

    use super::*;
    use crate::{Pipeline, filter::Filters, sources::Settings};

    /// Mirai's SYN from 198.18.0.100 to port 23 of 198.18.0.1.
    const MIRAI: Syn = Syn {
        src: Address::from_v4(0xc612_0064),
        dst: Address::from_v4(0xc612_0001),
        seq: 0xc612_0001,
        dport: 23,
        window: 5_840,
        ttl: 64,
        ..Syn::BLANK
    };

    fn recorder() -> Recorder {
        let run = Run {
            sensor: Sensor::of_this_machine(Some("test".to_owned())),
            interfaces: Vec::new(),
            started_at: at(1_000),
            filters: BTreeMap::new(),
        };
        Recorder::new(run, 41)
    }

    fn pipeline() -> Pipeline {
        Pipeline::new(Filters::default(), &Settings::default())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn span(start: i64, end: i64) -> Span {
        Span { start: at(start), end: at(end), length: Duration::from_secs(10) }
    }

    fn count(pipeline: &mut Pipeline, frames: u64) {
        (0..frames).for_each(|_| pipeline.frame(Ok(MIRAI), 54, 0));
        pipeline.close(at(1_000)).unwrap();
    }

    #[test]
    fn an_interval_holds_what_is_new_since_the_last_stored_snapshot() {
        let (mut recorder, mut pipeline) = (recorder(), pipeline());
        count(&mut pipeline, 3);
        let first = recorder.snapshot(pipeline.counts(), pipeline.sources(), span(1_000, 1_010));
        assert_eq!((first.sequence, first.interval.families["mirai"].packets), (42, 3));
        recorder.published(pipeline.counts(), pipeline.sources().tally());

        count(&mut pipeline, 2);
        // This one could not be stored ...
        assert_eq!(
            recorder.snapshot(pipeline.counts(), pipeline.sources(), span(1_010, 1_020)).interval.families["mirai"]
                .packets,
            2
        );
        count(&mut pipeline, 4);
        // ... so the next has its number and its packets.
        let next = recorder.snapshot(pipeline.counts(), pipeline.sources(), span(1_010, 1_030));
        assert_eq!((next.sequence, next.interval.families["mirai"].packets), (43, 6));
        assert_eq!((next.families["mirai"].packets, next.ports[&23].packets), (9, 9));
        assert_eq!((next.frames.seen, next.frames.bytes), (9, 9 * 54));
    }

    #[test]
    fn rates_are_those_of_the_steady_clock() {
        let (recorder, mut pipeline) = (recorder(), pipeline());
        count(&mut pipeline, 5);
        let snapshot = recorder.snapshot(pipeline.counts(), pipeline.sources(), span(1_000, 1_400));
        assert!((snapshot.interval.seconds - 10.0).abs() < f64::EPSILON);
        assert_eq!(snapshot.interval.families["mirai"].packets, 5);
    }

    #[test]
    fn every_family_is_there_and_its_rules_are_named() {
        let pipeline = pipeline();
        let snapshot = recorder().snapshot(pipeline.counts(), pipeline.sources(), span(1_000, 1_010));
        assert_eq!(snapshot.families.len(), Family::ALL.len());
        assert_eq!(snapshot.families["masscan"].rule, "masscan/1");
        assert_eq!(snapshot.families["masscan"].rule_v6.as_deref(), Some("masscan-v6/1"));
        assert_eq!(snapshot.families["mirai"].rule_v6, None);
        assert_eq!(snapshot.frames.dispositions.len(), Disposition::ALL.len());
    }
}
