//! How the counters lie in the maps that both sides see.
//!
//! Both maps are arrays of 64-bit counters in memory that user space maps, cut into a part per CPU: only its own CPU
//! writes a part, so the program needs no atomic operation, and reading needs no system call. Counters only ever grow,
//! so a reader loses nothing and resets nothing. Integers are in the machine's byte order.
//!
//! A counter is a map element of its own, and not a field of a larger one, because a program without CAP_PERFMON may
//! look up a variable key but may not add a variable to a pointer that came from several paths.

use crate::{Disposition, Family, Tags};

/// TCP has this many ports.
pub const PORTS: usize = 65_536;
/// Counters in a port's row; a family's wire id is its index.
pub const FAMILY_SLOTS: usize = 16;
/// How many interfaces one sensor can watch.
pub const INTERFACES: usize = 16;
/// Counters of one interface on one CPU; a power of two, so that no two CPUs share a cache line.
pub const INTERFACE_COUNTERS: usize = 64;
/// Where an interface's counters of SYNs over IPv6 begin, by primary family; also counted in [`port_counter`].
pub const V6: usize = 16;
/// Where its counters of SYNs begin that carried a family's mark while another family was primary.
pub const SECONDARY: usize = V6 + FAMILY_SLOTS;
/// Its counter of the bytes of all frames, without the check sequence.
pub const BYTES: usize = SECONDARY + FAMILY_SLOTS;

const _: () = assert!(Disposition::ALL.len() <= V6);
const _: () = assert!(BYTES < INTERFACE_COUNTERS);
const _: () = assert!(FAMILY_SLOTS <= Tags::BITS as usize);

/// Index in map `PORTS` of the SYNs to `port` that `cpu` counted under `family`.
///
/// A row of all families is 128 bytes, from a page's start on: a packet touches one cache line of it.
#[inline(always)]
pub const fn port_counter(cpu: u32, port: u16, family: Family) -> u32 {
    (cpu * PORTS as u32 + port as u32) * FAMILY_SLOTS as u32 + family.wire_id() as u32
}

/// Index in map `INTERFACES` of counter `which` of the interface in `slot`, as `cpu` counted it.
///
/// The first [`V6`] are the dispositions; that of SYNs is counted here too, for the one interface.
#[inline(always)]
pub const fn interface_counter(slot: u32, cpus: u32, cpu: u32, which: u32) -> u32 {
    (slot * cpus + cpu) * INTERFACE_COUNTERS as u32 + which
}
