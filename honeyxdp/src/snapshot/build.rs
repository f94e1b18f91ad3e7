//! From counters to the document.

use std::{collections::BTreeMap, time::Duration};

use honeyxdp_common::{Disposition, Family, FilterReason, counters::FAMILY_SLOTS};
use jiff::Timestamp;

use super::{
    Captured, FAMILY_PORTS, FamilyPackets, FamilyReport, Frames, InterfaceReport, Interval, OtherPorts, PortLimit,
    PortPackets, PortReport, PortSources, Records, Resumed, SCHEMA, Snapshot, UniqueSources, limit::top,
    resume::Unlisted, sensor::Sensor,
};
use crate::{
    Counts,
    sources::{SourceTracker, Tally},
};

/// A time span by two clocks.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Start by the wall clock.
    pub start: Timestamp,
    /// End by the wall clock.
    pub end: Timestamp,
    /// Length by the monotonic clock.
    pub length: Duration,
}

/// Fields that all snapshots of a run share.
#[derive(Clone, Debug)]
pub struct Run {
    /// The sensor.
    pub sensor: Sensor,
    /// Interfaces with the program attached.
    pub interfaces: Vec<InterfaceReport>,
    /// Start of the cumulative counters.
    pub started_at: Timestamp,
    /// Filters in force.
    pub filters: BTreeMap<String, serde_json::Value>,
    /// Maximum number of ports in a list.
    pub ports: PortLimit,
}

/// Builds the snapshots of a run. It keeps the counters of the last stored one.
#[derive(Debug)]
pub struct Recorder {
    run: Run,
    /// Counters of the last stored snapshot.
    stored: Resumed,
    /// Current payload counters, if payloads are captured.
    captured: Option<Captured>,
    /// Payload counters of the last stored snapshot.
    stored_captured: Captured,
    sequence: u64,
}

impl Recorder {
    /// Starts at zero. `sequence` is the number of the last snapshot in the directory.
    pub fn new(run: Run, sequence: u64) -> Self {
        Self { run, stored: Resumed::default(), captured: None, stored_captured: Captured::default(), sequence }
    }

    /// Continues from the counters that another process stored.
    pub fn resume(&mut self, stored: Resumed, captured: Captured) {
        (self.stored, self.stored_captured) = (stored, captured);
    }

    /// Sets the interfaces and filters of the following snapshots.
    pub fn describe(&mut self, interfaces: Vec<InterfaceReport>, filters: BTreeMap<String, serde_json::Value>) {
        (self.run.interfaces, self.run.filters) = (interfaces, filters);
    }

    /// Sets the payload counters of the next snapshot.
    pub fn captured(&mut self, captured: Option<Captured>) {
        self.captured = captured;
    }

    /// Builds the next snapshot. Call [`Recorder::stored`] once it is on disk: after a failed write, the next interval
    /// includes the one that was not stored.
    pub fn snapshot(&self, counts: &Counts, sources: &SourceTracker, interval: Span) -> Snapshot {
        let delta = counts.since(&self.stored.counts);
        let (tally, before) = (sources.tally(), self.stored.tally);
        let new = Tally {
            records: tally.records - before.records,
            packets: tally.packets - before.packets,
            gone: tally.gone - before.gone,
        };
        let report = sources.report();
        let limit = self.run.ports.get();
        let captured = self.captured.as_ref();
        let (nothing, unlisted) = (Unlisted::default(), &self.stored.unlisted);
        let (ports, other_ports) = ports(counts, &nothing, limit, |port| report.total_port(port));
        let (new_ports, new_other_ports) = self::ports(&delta, unlisted, limit, |port| report.interval_port(port));
        Snapshot {
            schema: SCHEMA.to_owned(),
            generated_at: interval.end,
            started_at: self.run.started_at,
            sequence: self.sequence + 1,
            sensor: self.run.sensor.clone(),
            interfaces: self.run.interfaces.clone(),
            frames: frames(counts),
            families: families(counts, &nothing, limit, |family| report.total_family(family)),
            ports,
            other_ports,
            attributed: report.total_attributed(),
            records: records(counts, tally),
            payloads: captured.map(Captured::report),
            windows: report.windows(limit),
            filters: self.run.filters.clone(),
            memory: report.memory(),
            interval: Interval {
                start: interval.start,
                end: interval.end,
                seconds: interval.length.as_secs_f64(),
                frames: frames(&delta),
                families: families(&delta, unlisted, limit, |family| report.interval_family(family)),
                ports: new_ports,
                other_ports: new_other_ports,
                attributed: report.interval_attributed(),
                records: records(&delta, new),
                payloads: captured.map(|captured| captured.since(&self.stored_captured).report()),
            },
        }
    }

    /// The snapshot is stored. `counts` and `tally` are those it was built from.
    pub fn stored(&mut self, counts: &Counts, tally: Tally) {
        self.stored.counts.catch_up(counts);
        self.stored.tally = tally;
        self.stored.unlisted = Unlisted::default();
        self.stored_captured = self.captured.clone().unwrap_or_default();
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

/// Reports of all families. `unlisted` are SYNs that no row of `counts` holds.
fn families(
    counts: &Counts,
    unlisted: &Unlisted,
    limit: usize,
    sources: impl Fn(Family) -> UniqueSources,
) -> Vec<FamilyReport> {
    let mut ports: [Vec<PortPackets>; FAMILY_SLOTS] = Default::default();
    for (port, row) in counts.ports() {
        for (list, &packets) in ports.iter_mut().zip(row).filter(|&(_, &packets)| packets > 0) {
            list.push(PortPackets { port, packets });
        }
    }
    let report = |&family: &Family| {
        let id = family.wire_id();
        let all = std::mem::take(&mut ports[id]);
        let more = unlisted.families[id];
        let packets = all.iter().map(|entry| entry.packets).sum::<u64>() + more;
        let (listed, rest) = top(all, limit.min(FAMILY_PORTS), |entry| entry.packets, |entry| entry.port);
        let rules = family.rules();
        FamilyReport {
            name: family.name().to_owned(),
            rule: rules[0].id.to_owned(),
            rule_v6: rules.get(1).map(|rule| rule.id.to_owned()),
            confidence: rules[0].confidence.name().to_owned(),
            packets,
            packets_v6: counts.family_v6(family),
            matched: counts.secondary(family) + packets,
            unique_sources: sources(family),
            ports: listed,
            other_ports: OtherPorts {
                ports: rest.len() as u64 + if more > 0 { unlisted.ports } else { 0 },
                packets: rest.iter().map(|entry| entry.packets).sum::<u64>() + more,
            },
        }
    };
    Family::ALL.iter().map(report).collect()
}

/// The ports with the most SYNs, and the sum of the others. `unlisted` are SYNs that no row of `counts` holds.
fn ports(
    counts: &Counts,
    unlisted: &Unlisted,
    limit: usize,
    sources: impl Fn(u16) -> Option<PortSources>,
) -> (Vec<PortReport>, OtherPorts) {
    let all: Vec<PortPackets> =
        counts.ports().map(|(port, row)| PortPackets { port, packets: row.iter().sum() }).collect();
    let (listed, rest) = top(all, limit, |entry| entry.packets, |entry| entry.port);
    let other = OtherPorts {
        ports: rest.len() as u64 + unlisted.ports,
        packets: rest.iter().map(|entry| entry.packets).sum::<u64>() + unlisted.families.iter().sum::<u64>(),
    };
    let report = |PortPackets { port, packets }| {
        let row = counts.row(port);
        let family =
            |&family: &Family| FamilyPackets { name: family.name().to_owned(), packets: row[family.wire_id()] };
        let mut families: Vec<FamilyPackets> =
            Family::ALL.iter().map(family).filter(|family| family.packets > 0).collect();
        families.sort_by_key(|family| std::cmp::Reverse(family.packets));
        PortReport { port, packets, families, unique_sources: sources(port) }
    };
    (listed.into_iter().map(report).collect(), other)
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
            sensor: Sensor::of_this_machine(Some("test".to_owned()), None),
            interfaces: Vec::new(),
            started_at: at(1_000),
            filters: BTreeMap::new(),
            ports: PortLimit::default(),
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
        assert_eq!((first.sequence, first.interval.family("mirai").packets), (42, 3));
        recorder.stored(pipeline.counts(), pipeline.sources().tally());

        count(&mut pipeline, 2);
        // This one could not be stored ...
        assert_eq!(
            recorder
                .snapshot(pipeline.counts(), pipeline.sources(), span(1_010, 1_020))
                .interval
                .family("mirai")
                .packets,
            2
        );
        count(&mut pipeline, 4);
        // ... so the next has its number and its packets.
        let next = recorder.snapshot(pipeline.counts(), pipeline.sources(), span(1_010, 1_030));
        assert_eq!((next.sequence, next.interval.family("mirai").packets), (43, 6));
        assert_eq!((next.family("mirai").packets, next.port(23).unwrap().packets), (9, 9));
        assert_eq!((next.frames.seen, next.frames.bytes), (9, 9 * 54));
    }

    #[test]
    fn rates_are_those_of_the_steady_clock() {
        let (recorder, mut pipeline) = (recorder(), pipeline());
        count(&mut pipeline, 5);
        let snapshot = recorder.snapshot(pipeline.counts(), pipeline.sources(), span(1_000, 1_400));
        assert!((snapshot.interval.seconds - 10.0).abs() < f64::EPSILON);
        assert_eq!(snapshot.interval.family("mirai").packets, 5);
    }

    #[test]
    fn every_family_is_there_and_its_rules_are_named() {
        let pipeline = pipeline();
        let snapshot = recorder().snapshot(pipeline.counts(), pipeline.sources(), span(1_000, 1_010));
        assert_eq!(snapshot.families.len(), Family::ALL.len());
        assert_eq!(snapshot.family("masscan").rule, "masscan/1");
        assert_eq!(snapshot.family("masscan").rule_v6.as_deref(), Some("masscan-v6/1"));
        assert_eq!(snapshot.family("mirai").rule_v6, None);
        assert_eq!(snapshot.frames.dispositions.len(), Disposition::ALL.len());
    }
}
