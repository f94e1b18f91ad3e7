//! Flows, added up: what the records of many cuts and CPUs say together.

use std::collections::HashMap;

use honeyxdp_common::{Address, Family, FamilySet, Syn, flow::Flow};

/// SYNs and marks by source, destination port, family and version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flows(HashMap<(Address, u16, Family, bool), (u64, FamilySet)>);

impl Flows {
    /// Adds a record.
    pub fn add(&mut self, flow: &Flow) {
        let (packets, matched) = self.0.entry((flow.src, flow.dport(), flow.family(), flow.is_v4())).or_default();
        *packets += u64::from(flow.packets);
        *matched |= flow.matched();
    }

    /// Adds one SYN.
    pub fn add_syn(&mut self, syn: &Syn, family: Family, new: FamilySet) {
        let (packets, matched) = self.0.entry((syn.src, syn.dport, family, syn.is_v4())).or_default();
        *packets += 1;
        *matched |= new;
    }

    /// SYNs in all flows.
    pub fn packets(&self) -> u64 {
        self.0.values().map(|(packets, _)| packets).sum()
    }

    /// Whether every flow is one of the others, with no more SYNs and no other marks.
    pub fn are_within(&self, all: &Self) -> bool {
        self.0.iter().all(|(key, (packets, matched))| {
            all.0.get(key).is_some_and(|all| *packets <= all.0 && matched & !all.1 == 0)
        })
    }

    /// How many flows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Different sources of a family.
    pub fn sources(&self, family: Family) -> usize {
        let sources: std::collections::HashSet<_> =
            self.0.keys().filter(|key| key.2 == family).map(|key| (key.0, key.3)).collect();
        sources.len()
    }
}
