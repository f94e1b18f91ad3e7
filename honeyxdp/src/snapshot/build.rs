//! From counters to the document.

use std::{collections::BTreeMap, time::Duration};

use honeyxdp_common::{Disposition, Family};
use jiff::Timestamp;

use super::{FamilyReport, Frames, InterfaceReport, Interval, PortReport, SCHEMA, Snapshot, sensor::Sensor};
use crate::Counts;

/// A stretch of time, by two clocks.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Wall clock at its start.
    pub start: Timestamp,
    /// Wall clock at its end; before `start` if the clock was set back.
    pub end: Timestamp,
    /// How long it was, by a clock that nobody sets.
    pub length: Duration,
}

/// Makes snapshots of one run of a sensor, and remembers what the last one said.
#[derive(Debug)]
pub struct Recorder {
    sensor: Sensor,
    interfaces: Vec<InterfaceReport>,
    started_at: Timestamp,
    /// Counters of the last snapshot that was published.
    published: Counts,
    sequence: u64,
}

impl Recorder {
    /// Starts at zero. `sequence` is the number of the last snapshot that anybody wrote to the same folder.
    pub fn new(sensor: Sensor, interfaces: Vec<InterfaceReport>, started_at: Timestamp, sequence: u64) -> Self {
        Self { sensor, interfaces, started_at, published: Counts::default(), sequence }
    }

    /// The next snapshot. It becomes the last one only when [`Recorder::published`] says that it was stored: so after a
    /// full disk the next interval holds what the one before could not say.
    pub fn snapshot(&self, counts: &Counts, interval: Span) -> Snapshot {
        let delta = counts.since(&self.published);
        Snapshot {
            schema: SCHEMA.to_owned(),
            generated_at: interval.end,
            started_at: self.started_at,
            sequence: self.sequence + 1,
            sensor: self.sensor.clone(),
            interfaces: self.interfaces.clone(),
            frames: frames(counts),
            families: families(counts),
            ports: ports(counts),
            records: None,
            filters: BTreeMap::new(),
            interval: Interval {
                start: interval.start,
                end: interval.end,
                seconds: interval.length.as_secs_f64(),
                frames: frames(&delta),
                families: families(&delta),
                ports: ports(&delta),
                records: None,
            },
        }
    }

    /// The last snapshot was stored, and these were its counters.
    pub fn published(&mut self, counts: &Counts) {
        self.published.clone_from(counts);
        self.sequence += 1;
    }
}

fn frames(counts: &Counts) -> Frames {
    let dispositions: BTreeMap<String, u64> = Disposition::ALL
        .into_iter()
        .map(|disposition| (disposition.name().to_owned(), counts.disposition(disposition)))
        .collect();
    Frames { seen: dispositions.values().sum(), bytes: counts.bytes(), dispositions }
}

fn families(counts: &Counts) -> BTreeMap<String, FamilyReport> {
    let mut families: BTreeMap<String, FamilyReport> = Family::ALL
        .iter()
        .map(|&family| {
            let rules = family.rules();
            let report = FamilyReport {
                rule: rules[0].id.to_owned(),
                rule_v6: rules.get(1).map(|rule| rule.id.to_owned()),
                packets: 0,
                packets_v6: counts.family_v6(family),
                tagged: counts.secondary(family),
                ports: BTreeMap::new(),
                unique_sources: None,
            };
            (family.name().to_owned(), report)
        })
        .collect();
    for (port, row) in counts.ports() {
        for (family, count) in seen(row) {
            let report = families.get_mut(family.name()).expect("every family is in the map");
            report.packets += count;
            report.tagged += count;
            report.ports.insert(port, count);
        }
    }
    families
}

fn ports(counts: &Counts) -> BTreeMap<u16, PortReport> {
    counts
        .ports()
        .map(|(port, row)| {
            let families: BTreeMap<String, u64> =
                seen(row).map(|(family, count)| (family.name().to_owned(), count)).collect();
            (port, PortReport { packets: families.values().sum(), families })
        })
        .collect()
}

/// The families with a count in this row.
fn seen(row: &[u64]) -> impl Iterator<Item = (Family, u64)> {
    Family::ALL.iter().map(|&family| (family, row[family.wire_id()])).filter(|&(_, count)| count > 0)
}

#[cfg(test)]
mod tests {
    use honeyxdp_common::dissect;

    use super::*;

    /// Mirai's SYN from 198.18.0.100 to port 23 of 198.18.0.1.
    const MIRAI: &[u8] = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0\
        \x45\0\0\x28\0\0\0\0\x40\x06\0\0\xc6\x12\0\x64\xc6\x12\0\x01\
        \x9c\x40\0\x17\xc6\x12\0\x01\0\0\0\0\x50\x02\x16\xd0\0\0\0\0";

    fn recorder() -> Recorder {
        Recorder::new(Sensor::of_this_machine(Some("test".to_owned())), Vec::new(), at(1_000), 41)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn span(start: i64, end: i64) -> Span {
        Span { start: at(start), end: at(end), length: Duration::from_secs(10) }
    }

    fn count(counts: &mut Counts, frames: u64) {
        (0..frames).for_each(|_| counts.frame(dissect(MIRAI), 54));
    }

    #[test]
    fn an_interval_holds_what_is_new_since_the_last_stored_snapshot() {
        let (mut recorder, mut counts) = (recorder(), Counts::default());
        count(&mut counts, 3);
        let first = recorder.snapshot(&counts, span(1_000, 1_010));
        assert_eq!((first.sequence, first.interval.families["mirai"].packets), (42, 3));
        recorder.published(&counts);

        count(&mut counts, 2);
        // This one could not be stored ...
        assert_eq!(recorder.snapshot(&counts, span(1_010, 1_020)).interval.families["mirai"].packets, 2);
        count(&mut counts, 4);
        // ... so the next has its number and its packets.
        let next = recorder.snapshot(&counts, span(1_010, 1_030));
        assert_eq!((next.sequence, next.interval.families["mirai"].packets), (43, 6));
        assert_eq!((next.families["mirai"].packets, next.ports[&23].packets), (9, 9));
        assert_eq!((next.frames.seen, next.frames.bytes), (9, 9 * 54));
    }

    #[test]
    fn a_clock_that_is_set_back_changes_no_count_and_no_rate() {
        let (recorder, mut counts) = (recorder(), Counts::default());
        count(&mut counts, 5);
        let snapshot = recorder.snapshot(&counts, span(1_000, 400));
        assert!(snapshot.interval.end < snapshot.interval.start);
        assert!((snapshot.interval.seconds - 10.0).abs() < f64::EPSILON);
        assert_eq!(snapshot.interval.families["mirai"].packets, 5);
    }

    #[test]
    fn every_family_is_there_and_its_rules_are_named() {
        let snapshot = recorder().snapshot(&Counts::default(), span(1_000, 1_010));
        assert_eq!(snapshot.families.len(), Family::ALL.len());
        assert_eq!(snapshot.families["masscan"].rule, "masscan/1");
        assert_eq!(snapshot.families["masscan"].rule_v6.as_deref(), Some("masscan-v6/1"));
        assert_eq!(snapshot.families["mirai"].rule_v6, None);
        assert_eq!(snapshot.frames.dispositions.len(), Disposition::ALL.len());
    }
}
