//! The rows of one day, counted while they are made.

use std::collections::BTreeMap;

use honeyxdp_archive::PayloadRow;

use super::knocks::bit;
use crate::population::Source;

/// What a source did under one family on one day.
#[derive(Clone, Copy)]
pub(super) struct Visit {
    pub(super) source: Source,
    /// Bits of the ports that are looked at.
    pub(super) ports: u16,
    pub(super) packets: u32,
}

impl Visit {
    /// Makes them one per source, sorted.
    pub(super) fn merge(visits: &mut Vec<Self>) {
        visits.sort_unstable_by_key(|visit| visit.source);
        visits.dedup_by(|visit, kept| {
            let is_same = visit.source == kept.source;
            if is_same {
                kept.ports |= visit.ports;
                kept.packets += visit.packets;
            }
            is_same
        });
    }
}

/// What a family did on one day.
#[derive(Default)]
pub(crate) struct DayOfFamily {
    /// SYNs and rows by port.
    pub(super) ports: BTreeMap<u16, (u64, u64)>,
    /// In the order of the rows.
    pub(super) visits: Vec<Visit>,
}

impl DayOfFamily {
    /// A row of the archive.
    pub(crate) fn row(&mut self, source: Source, port: u16, packets: u32) {
        let (of_port, flows) = self.ports.entry(port).or_default();
        *of_port += u64::from(packets);
        *flows += 1;
        match self.visits.last_mut().filter(|last| last.source == source) {
            Some(last) => {
                last.ports |= bit(port);
                last.packets += packets;
            }
            None => self.visits.push(Visit { source, ports: bit(port), packets }),
        }
    }
}

/// What happened on one day.
#[derive(Default)]
pub(crate) struct Day {
    pub(super) families: BTreeMap<&'static str, DayOfFamily>,
    pub(super) payloads: Vec<(Source, PayloadRow)>,
}

impl Day {
    /// A family of it.
    pub(crate) fn family(&mut self, name: &'static str) -> &mut DayOfFamily {
        self.families.entry(name).or_default()
    }

    /// A payload of the archive.
    pub(crate) fn payload(&mut self, source: Source, payload: &PayloadRow) {
        self.payloads.push((source, payload.clone()));
    }
}
