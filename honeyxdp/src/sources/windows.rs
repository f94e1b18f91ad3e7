//! The sets of sources of one stretch of time.

use honeyxdp_common::{Family, counters::FAMILY_SLOTS, flow::Flow};

use super::{
    report::{AttributedReport, PortSources, UniqueSources},
    set::SourceSet,
};
use crate::{
    pairs::{Attributed, Pair},
    sketch::Sketch,
};

/// Different sources by family, by watched port and by pair test.
#[derive(Clone, Debug)]
pub(super) struct Window {
    families: [SourceSet; FAMILY_SLOTS],
    sketches: [Sketch; FAMILY_SLOTS],
    ports: Vec<SourceSet>,
    attributed: [SourceSet; Pair::ALL.len()],
    /// SYNs of sources that a pair test attributed.
    attributed_packets: [u64; Pair::ALL.len()],
    /// SYNs that are in no record, by family and by watched port.
    missing: [u64; FAMILY_SLOTS],
    missing_ports: Vec<u64>,
}

impl Window {
    pub(super) fn new(ports: usize) -> Self {
        Self {
            families: Default::default(),
            sketches: [const { Sketch::EMPTY }; FAMILY_SLOTS],
            ports: vec![SourceSet::default(); ports],
            attributed: Default::default(),
            attributed_packets: [0; Pair::ALL.len()],
            missing: [0; FAMILY_SLOTS],
            missing_ports: vec![0; ports],
        }
    }

    /// Adds a record's source. Returns whether a set's inbox is full.
    pub(super) fn record(&mut self, flow: &Flow, port: Option<usize>, attributed: Option<Attributed>) -> bool {
        let family = &mut self.families[flow.family().wire_id()];
        family.add(flow);
        let mut due = family.is_due();
        if let Some(port) = port {
            self.ports[port].add(flow);
            due |= self.ports[port].is_due();
        }
        if let Some(Attributed { pair, packets }) = attributed {
            self.attributed[pair as usize].add(flow);
            self.attributed_packets[pair as usize] += packets;
        }
        due
    }

    pub(super) fn sketch(&mut self, family: Family) -> &mut Sketch {
        &mut self.sketches[family.wire_id()]
    }

    pub(super) fn miss(&mut self, families: &[u64; FAMILY_SLOTS], ports: impl Iterator<Item = u64>) {
        self.missing.iter_mut().zip(families).for_each(|(missing, new)| *missing += new);
        self.missing_ports.iter_mut().zip(ports).for_each(|(missing, new)| *missing += new);
    }

    /// Takes all inboxes in.
    pub(super) fn settle(&mut self) {
        self.sets_mut().for_each(SourceSet::settle);
    }

    /// Adds another window, whose inboxes are empty, and leaves that with any sets.
    pub(super) fn take(&mut self, other: &mut Self) {
        self.sets_mut().zip(other.sets_mut()).for_each(|(set, other)| set.take(other));
        self.merge_rest(other);
    }

    /// Adds another window, whose inboxes are empty.
    pub(super) fn merge(&mut self, other: &Self) {
        self.sets_mut().zip(other.sets()).for_each(|(set, other)| set.merge(other));
        self.merge_rest(other);
    }

    /// Adds what is no set.
    fn merge_rest(&mut self, other: &Self) {
        self.sketches.iter_mut().zip(&other.sketches).for_each(|(sketch, other)| sketch.merge(other));
        self.attributed_packets.iter_mut().zip(other.attributed_packets).for_each(|(packets, new)| *packets += new);
        self.miss(&other.missing, other.missing_ports.iter().copied());
    }

    pub(super) fn sets_mut(&mut self) -> impl Iterator<Item = &mut SourceSet> {
        self.families.iter_mut().chain(&mut self.ports).chain(&mut self.attributed)
    }

    pub(super) fn sets(&self) -> impl Iterator<Item = &SourceSet> {
        self.families.iter().chain(&self.ports).chain(&self.attributed)
    }

    pub(super) fn family(&self, family: Family) -> UniqueSources {
        let id = family.wire_id();
        let set = &self.families[id];
        UniqueSources {
            value: set.len(),
            exact: set.is_exact() && self.missing[id] == 0,
            estimate: self.sketches[id].estimate(),
        }
    }

    pub(super) fn port(&self, port: usize) -> PortSources {
        let set = &self.ports[port];
        PortSources { value: set.len(), exact: set.is_exact() && self.missing_ports[port] == 0 }
    }

    pub(super) fn attributed(&self) -> Vec<AttributedReport> {
        Pair::ALL
            .into_iter()
            .map(|pair| {
                let set = &self.attributed[pair as usize];
                let exact = set.is_exact() && self.missing.iter().sum::<u64>() == 0;
                AttributedReport {
                    name: pair.family().name().to_owned(),
                    rule: pair.rule().id.to_owned(),
                    packets: self.attributed_packets[pair as usize],
                    unique_sources: PortSources { value: set.len(), exact },
                }
            })
            .collect()
    }
}
