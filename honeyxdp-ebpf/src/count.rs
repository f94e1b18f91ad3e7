//! Counters. Only the CPU that owns a shard writes it, see `honeyxdp_common::counters`.

use aya_ebpf::{Global, bindings::BPF_F_MMAPABLE, macros::map, maps::Array, programs::XdpContext};
use honeyxdp_common::{
    Disposition, Family, FamilySet, FilterReason, Frame, Syn,
    counters::{
        Counter, FAMILIES, FILTERED, INTERFACES as MAX_INTERFACES, SECONDARY, V6, interface_counter, port_counter,
    },
    fingerprints,
};

use crate::{element::element, shard::Shard};

/// SYNs by port and family. The loader sets the size: a row per port in every shard.
#[map]
static PORTS: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// All other counters. The loader sets the size: every interface in every shard.
#[map]
static INTERFACES: Array<Counter> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Interface index of each slot; 0 if the slot is free or its interface is gone.
#[unsafe(no_mangle)]
static INTERFACE_SLOTS: [Global<u32>; MAX_INTERFACES] = [const { Global::new(0) }; MAX_INTERFACES];

/// Slots that have been used, at least 1.
#[unsafe(no_mangle)]
static SLOTS: Global<u32> = Global::new(1);

/// The counters that this run of the program writes.
#[derive(Clone, Copy)]
pub(crate) struct Counters {
    shard: Shard,
    slot: u32,
}

impl Counters {
    #[inline(always)]
    pub(crate) fn new(ctx: &XdpContext, shard: Shard) -> Self {
        Self { shard, slot: slot(ctx) }
    }

    /// Counts a SYN.
    #[inline(always)]
    pub(crate) fn syn(self, syn: &Syn, family: Family, matched: FamilySet) {
        add(&PORTS, port_counter(self.shard.number, syn.dport, family));
        if SLOTS.load() > 1 {
            self.interface(FAMILIES + family.wire_id(), 1, 0);
        }
        if !syn.is_v4() {
            self.interface(V6 + family.wire_id(), 1, 0);
        }
        let secondary = fingerprints::secondary(matched, family);
        if secondary != 0 {
            fingerprints::each(secondary, |family| self.interface(SECONDARY + family.wire_id(), 1, 0));
        }
    }

    /// Counts a filtered SYN by its reason.
    #[inline(always)]
    pub(crate) fn filtered(self, reason: FilterReason) {
        self.interface(FILTERED + reason as usize, 1, 0);
    }

    /// Counts a frame.
    #[inline(always)]
    pub(crate) fn frame(self, frame: &impl Frame, disposition: Disposition) {
        self.interface(disposition as usize, 1, frame.len() as u64);
    }

    /// Adds to one of the interface's counters. The lookup never fails, see [`add`].
    #[inline(always)]
    pub(crate) fn interface(self, which: usize, count: u64, of: u64) {
        let index = interface_counter(self.shard.number, self.slot, which as u32);
        if let Some(counter) = element(&INTERFACES, index) {
            // SAFETY: as in `add`.
            let counter = unsafe { &mut *counter };
            counter.events += count;
            counter.amount += of;
        }
    }
}

/// Adds one to a counter. The lookup never fails: the loader sizes the maps for every possible CPU and interface.
#[inline(always)]
fn add(map: &'static Array<u64>, index: u32) {
    if let Some(counter) = element(map, index) {
        // SAFETY: an XDP program neither nests nor migrates to another CPU while it runs, so there is no other writer.
        unsafe { *counter += 1 };
    }
}

/// Slot of the ingress interface.
#[inline(always)]
fn slot(ctx: &XdpContext) -> u32 {
    // With one interface, the usual case, the verifier removes the rest.
    if SLOTS.load() <= 1 {
        return 0;
    }
    let index = ctx.ingress_ifindex() as u32;
    for (slot, candidate) in INTERFACE_SLOTS.iter().enumerate() {
        if candidate.load() == index {
            return slot as u32;
        }
    }
    0
}
