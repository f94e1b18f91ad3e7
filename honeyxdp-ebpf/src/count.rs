//! Where a frame is counted. Only the CPU that owns a part writes it, see `honeyxdp_common::counters`.

use aya_ebpf::{
    Global, bindings::BPF_F_MMAPABLE, helpers::bpf_get_smp_processor_id, macros::map, maps::Array, programs::XdpContext,
};
use honeyxdp_common::{
    Disposition, Family, Frame, Syn, Tags,
    counters::{BYTES, INTERFACES as MAX_INTERFACES, SECONDARY, V6, interface_counter, port_counter},
    marks,
};

/// SYNs by port and family. The loader sets the size: a row per port for every possible CPU.
#[map]
static PORTS: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// All else. The loader sets the size: every interface on every possible CPU.
#[map]
static INTERFACES: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Possible CPUs.
#[unsafe(no_mangle)]
static CPUS: Global<u32> = Global::new(1);

/// Index of the interface in each slot; 0 where there is none.
#[unsafe(no_mangle)]
static INTERFACE_SLOTS: [Global<u32>; MAX_INTERFACES] = [const { Global::new(0) }; MAX_INTERFACES];

/// The part of the counters that this run of the program writes.
pub(crate) struct Counters {
    cpu: u32,
    slot: u32,
}

impl Counters {
    #[inline(always)]
    pub(crate) fn of_this_cpu(ctx: &XdpContext) -> Self {
        // SAFETY: the helper only reads the number of the CPU.
        let cpu = unsafe { bpf_get_smp_processor_id() } as u32;
        Self { cpu, slot: slot(ctx) }
    }

    /// Counts a SYN. User space reads in the opposite order, so it never sees a part that is larger than its whole.
    #[inline(always)]
    pub(crate) fn syn(&self, syn: &Syn, family: Family, tags: Tags) {
        add(&PORTS, port_counter(self.cpu, syn.dport, family), 1);
        if !syn.is_v4() {
            self.interface(V6 + family.wire_id(), 1);
        }
        let secondary = marks::secondary(tags, family);
        if secondary != 0 {
            marks::each(secondary, |family| self.interface(SECONDARY + family.wire_id(), 1));
        }
    }

    /// Counts a frame; of a SYN, after [`Counters::syn`].
    #[inline(always)]
    pub(crate) fn frame(&self, frame: &impl Frame, disposition: Disposition) {
        self.interface(BYTES, frame.len() as u64);
        self.interface(disposition as usize, 1);
    }

    #[inline(always)]
    fn interface(&self, which: usize, amount: u64) {
        add(&INTERFACES, interface_counter(self.slot, CPUS.load(), self.cpu, which as u32), amount);
    }
}

/// Adds to a counter. It is always there: the loader sizes the maps for every CPU and interface that there can be.
#[inline(always)]
fn add(map: &Array<u64>, index: u32, amount: u64) {
    if let Some(counter) = map.get_ptr_mut(index) {
        // SAFETY: an XDP program is neither interrupted by itself nor moved to another CPU while it runs, so nobody else
        // writes this element.
        unsafe { *counter += amount };
    }
}

/// Slot of the interface that the frame came in on.
#[inline(always)]
fn slot(ctx: &XdpContext) -> u32 {
    // One interface is the usual case, and then the verifier removes the rest.
    if INTERFACE_SLOTS[1].load() == 0 {
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
