//! How the counters lie in the maps that both sides see.
//!
//! All maps are arrays in memory that user space maps. They are cut into parts, one for each CPU and each of two
//! generations: only its own CPU writes a part, so the program needs no atomic operation, and reading needs no system
//! call. Integers are in the machine's byte order.
//!
//! **Generations.** The program writes to one of the two; user space reads the other one, which stands still. Switching
//! makes a clean cut: a SYN's counters, its flow and its sketch are all in one generation. Counters only ever grow, in
//! both generations, so nothing is reset and nothing can be lost between reading and resetting: the total is the sum.
//!
//! A counter is a map element of its own, and not a field of a larger one, because a program without CAP_PERFMON may
//! look up a variable key but may not add a variable to a pointer that came from several paths.

use crate::{Disposition, Family, FamilySet, FilterReason};

/// Version of the layout of all maps that outlive a process. Whoever changes a layout, or what a counter means, raises it: then
/// no new version goes on with the maps of an old one.
pub const LAYOUT: u32 = 2;

/// The program writes to one while user space reads the other.
pub const GENERATIONS: usize = 2;
/// TCP has this many ports.
pub const PORTS: usize = 65_536;
/// Counters in a port's row; a family's wire id is its index.
pub const FAMILY_SLOTS: usize = 16;
/// How many interfaces one sensor can watch.
pub const INTERFACES: usize = 16;
/// Counters of one interface in one part; a power of two, so that no two CPUs share a cache line.
pub const INTERFACE_COUNTERS: usize = 64;

/// A counter of an interface: how many, and of how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counter {
    /// Frames; of [`LOST`] records.
    pub events: u64,
    /// Of a disposition the bytes of the frames, without the check sequence; of [`LOST`] the SYNs in the records; else 0.
    pub amount: u64,
}

impl Counter {
    /// Adds another one.
    pub const fn add(&mut self, other: Self) {
        self.events += other.events;
        self.amount += other.amount;
    }
}

/// Its counter of flow records that found no room.
pub const LOST: usize = 10;
/// Its counter of SYNs that sampling left out of the records.
pub const SAMPLED_OUT: usize = LOST + 1;
/// Where its counters of filtered SYNs begin, by [`FilterReason`].
pub const FILTERED: usize = SAMPLED_OUT + 1;
/// Where an interface's counters of SYNs over IPv6 begin, by primary family; also counted in [`port_counter`].
pub const V6: usize = 16;
/// Where its counters of SYNs begin that carried a family's mark while another family was primary.
pub const SECONDARY: usize = V6 + FAMILY_SLOTS;
/// Where its counters of SYNs begin, by primary family: only where a sensor has several interfaces, else all SYNs are those of
/// the one in slot 0.
pub const FAMILIES: usize = SECONDARY + FAMILY_SLOTS;

const _: () = assert!(Disposition::ALL.len() <= LOST);
const _: () = assert!(FILTERED + FilterReason::ALL.len() <= V6);
const _: () = assert!(FAMILIES + FAMILY_SLOTS <= INTERFACE_COUNTERS);
const _: () = assert!(FAMILY_SLOTS <= FamilySet::BITS as usize);

/// Number of a CPU's part in one generation.
#[inline(always)]
pub const fn part(generation: u32, cpus: u32, cpu: u32) -> u32 {
    generation * cpus + cpu
}

/// Index in map `PORTS` of the SYNs to `port` that were counted under `family` in `part`.
///
/// A row of all families is 128 bytes, from a page's start on: a packet touches one cache line of it.
#[inline(always)]
pub const fn port_counter(part: u32, port: u16, family: Family) -> u32 {
    (part * PORTS as u32 + port as u32) * FAMILY_SLOTS as u32 + family.wire_id() as u32
}

/// Index in map `INTERFACES` of counter `which` in `part` of the interface in `slot`.
///
/// The first are the dispositions; that of SYNs is counted here too, for the one interface.
#[inline(always)]
pub const fn interface_counter(part: u32, slot: u32, which: u32) -> u32 {
    (part * INTERFACES as u32 + slot) * INTERFACE_COUNTERS as u32 + which
}
