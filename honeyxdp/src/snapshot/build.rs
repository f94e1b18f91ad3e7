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
