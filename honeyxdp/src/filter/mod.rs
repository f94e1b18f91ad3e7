//! Which SYNs are counted: the operator's filters.
//!
//! The kernel program has its own form of them, see `honeyxdp_common::filter`; this one judges captures, and is what the
//! kernel is tested against.

pub mod change;
mod policy;
mod ports;
mod prefixes;
mod spec;

use std::{collections::BTreeMap, net::Ipv4Addr};

use honeyxdp_common::{Address, Family, FilterReason, Syn};

pub use policy::{Policy, Verdict};
pub use ports::{PortError, PortSet};
pub use prefixes::{PrefixError, PrefixSet};
pub use spec::{FilterArgs, FilterName, FilterNames, FilterWords};

/// Bits of families that there are not: always set, so that the same choice of families is the same number.
pub(crate) const UNKNOWN: u32 = {
    let (mut bits, mut at) = (u32::MAX, 0);
    while at < Family::ALL.len() {
        bits &= !(1 << Family::ALL[at].wire_id());
        at += 1;
    }
    bits
};

/// All filters. By default every SYN is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filters {
    /// Destination prefixes that are watched; all when there is none.
    pub destinations: PrefixSet,
    /// Source prefixes that are ignored.
    pub ignored_sources: PrefixSet,
    /// Ports that are counted.
    pub ports: PortSet,
    /// Families that are counted: bit `n` is the family with wire id `n`; all other bits are set.
    pub families: u32,
    /// Public address of a local one, behind 1:1 NAT. Marks are judged by the public one, as the sender wrote it; the
    /// destination filter looks at the local one, which is in the packet.
    pub public_addresses: BTreeMap<Ipv4Addr, Ipv4Addr>,
}

impl Default for Filters {
    fn default() -> Self {
        Self {
            destinations: PrefixSet::default(),
            ignored_sources: PrefixSet::default(),
            ports: PortSet::ALL,
            families: u32::MAX,
            public_addresses: BTreeMap::new(),
        }
    }
}

impl Filters {
    /// Why a SYN is not counted, as far as its headers tell.
    pub fn of_headers(&self, syn: &Syn) -> Option<FilterReason> {
        if !self.destinations.is_empty() && !self.destinations.contains(syn.dst, syn.is_v4()) {
            Some(FilterReason::Destination)
        } else if self.ignored_sources.contains(syn.src, syn.is_v4()) {
            Some(FilterReason::Source)
        } else if !self.ports.contains(syn.dport) {
            Some(FilterReason::Port)
        } else {
            None
        }
    }

    /// The SYN as it was sent, before NAT put a local destination into it.
    pub fn public(&self, mut syn: Syn) -> Syn {
        if syn.is_v4()
            && !self.public_addresses.is_empty()
            && let Some(&public) = self.public_addresses.get(&Ipv4Addr::from(syn.dst.v4()))
        {
            syn.dst = Address::from_v4(public.into());
        }
        syn
    }

    /// Why a SYN of this family is not counted.
    pub fn of_family(&self, family: Family) -> Option<FilterReason> {
        (self.families >> family.wire_id() & 1 == 0).then_some(FilterReason::Family)
    }
}
