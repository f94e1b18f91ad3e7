//! The shard of every map that one run of the program writes, see `honeyxdp_common::counters`.

use core::cell::UnsafeCell;

use aya_ebpf::{Global, helpers::bpf_get_smp_processor_id};
use honeyxdp_common::counters;

/// Number of possible CPUs.
#[unsafe(no_mangle)]
static CPUS: Global<u32> = Global::new(1);

/// The active generation, 0 or 1. User space flips it. The only variable in section .bss.
#[unsafe(no_mangle)]
static GENERATION: Variable = Variable(UnsafeCell::new(0));

/// A word that user space changes.
struct Variable(UnsafeCell<u64>);

// SAFETY: the program only reads it, as one word.
unsafe impl Sync for Variable {}

/// CPU and generation of one run of the program.
#[derive(Clone, Copy)]
pub(crate) struct Shard {
    pub(crate) cpu: u32,
    pub(crate) generation: u32,
    /// Number of this CPU's shard in this generation.
    pub(crate) number: u32,
}

impl Shard {
    #[inline(always)]
    pub(crate) fn of_this_run() -> Self {
        // SAFETY: the helper only returns the CPU number.
        let cpu = unsafe { bpf_get_smp_processor_id() } as u32;
        // Read once, so that all writes of this run are in one generation even if it flips meanwhile.
        // SAFETY: it is an aligned word.
        let generation = unsafe { GENERATION.0.get().read_volatile() } as u32;
        Self { cpu, generation, number: counters::shard(generation, CPUS.load(), cpu) }
    }
}
