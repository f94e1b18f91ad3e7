//! Layout of the counter maps that the XDP program and user space share.
//!
//! Every map is an mmapable array, divided into shards: one for each CPU in each of two generations. Only the shard's own CPU
//! writes it, so the program needs no atomic operation and user space reads without a system call. Integers are in host
//! byte order.
//!
//! **Generations.** The program writes to one generation while user space reads the other, which is inactive. A generation
//! flip is a consistent cut: a SYN's counters, its flow and its registers are all in the same generation. Counters only
//! grow, in both generations, and are never reset, so no count can be lost between a read and a reset. The total is the
//! sum of both generations.
//!
//! A counter is a map element of its own rather than a field: without CAP_PERFMON the verifier accepts a variable lookup key,
//! but rejects a variable added to a pointer that several paths reach.

use crate::{Disposition, Family, FamilySet, FilterReason};

/// Version of the layout of all pinned maps. Raise it with every change of a layout or of a counter's meaning: a sensor
/// refuses to resume on pinned maps of another version.
pub const LAYOUT: u32 = 3;

/// The program writes one generation while user space reads the other.
pub const GENERATIONS: usize = 2;
/// Number of TCP ports.
pub const PORTS: usize = 65_536;
/// Counters in a port's row; a family's wire id is its index.
pub const FAMILY_SLOTS: usize = 16;
/// Most interfaces that one sensor can watch.
pub const INTERFACES: usize = 16;
/// Counters of one interface in one shard. A power of two, so that no two CPUs share a cache line.
pub const INTERFACE_COUNTERS: usize = 64;

/// A counter of an interface: a number of events and an amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counter {
    /// Frames, or flow records for [`LOST`].
    pub events: u64,
    /// Bytes of the frames without the frame check sequence (dispositions), SYNs in the records ([`LOST`]), else 0.
    pub amount: u64,
}

impl Counter {
    /// Adds another counter to this one.
    pub const fn add(&mut self, other: Self) {
        self.events += other.events;
        self.amount += other.amount;
    }
}

/// Index of the counter of flow records that were dropped because the ring was full.
pub const LOST: usize = 10;
/// Index of the counter of SYNs that sampling left without a record.
pub const SAMPLED_OUT: usize = LOST + 1;
/// Index of the first counter of filtered SYNs; the order is that of [`FilterReason`].
pub const FILTERED: usize = SAMPLED_OUT + 1;
/// Index of the first counter of SYNs over IPv6, by primary family. These SYNs are counted in [`port_counter`] too.
pub const V6: usize = 16;
/// Index of the first counter of SYNs that matched a family while another family was primary.
pub const SECONDARY: usize = V6 + FAMILY_SLOTS;
/// Index of the first counter of SYNs by primary family. Used only with several interfaces; with one, every SYN belongs to
/// the interface in slot 0.
pub const FAMILIES: usize = SECONDARY + FAMILY_SLOTS;

const _: () = assert!(Disposition::ALL.len() <= LOST);
const _: () = assert!(FILTERED + FilterReason::ALL.len() <= V6);
const _: () = assert!(FAMILIES + FAMILY_SLOTS <= INTERFACE_COUNTERS);
const _: () = assert!(FAMILY_SLOTS <= FamilySet::BITS as usize);

/// Number of a CPU's shard in one generation.
#[inline(always)]
pub const fn shard(generation: u32, cpus: u32, cpu: u32) -> u32 {
    generation * cpus + cpu
}

/// Index in map `PORTS` of the SYNs to `port` that were counted under `family` in `shard`.
///
/// A port's row has 128 bytes, aligned to them, so a packet touches one cache line.
#[inline(always)]
pub const fn port_counter(shard: u32, port: u16, family: Family) -> u32 {
    (shard * PORTS as u32 + port as u32) * FAMILY_SLOTS as u32 + family.wire_id() as u32
}

/// Index in map `INTERFACES` of counter `which` in `shard` of the interface in `slot`.
///
/// The first counters are the dispositions, [`Disposition::Syn`] among them.
#[inline(always)]
pub const fn interface_counter(shard: u32, slot: u32, which: u32) -> u32 {
    (shard * INTERFACES as u32 + slot) * INTERFACE_COUNTERS as u32 + which
}
