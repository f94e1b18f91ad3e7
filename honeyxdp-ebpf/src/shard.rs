//! The part of every map that one run of the program writes, see `honeyxdp_common::counters`.

use core::cell::UnsafeCell;

use aya_ebpf::{Global, helpers::bpf_get_smp_processor_id};
use honeyxdp_common::counters;

/// Possible CPUs.
#[unsafe(no_mangle)]
static CPUS: Global<u32> = Global::new(1);

/// The generation that is written, 0 or 1. User space switches it: the only variable in section .bss.
#[unsafe(no_mangle)]
static GENERATION: Variable = Variable(UnsafeCell::new(0));

/// A number that user space changes.
struct Variable(UnsafeCell<u64>);

// SAFETY: the program only reads it, as one word.
unsafe impl Sync for Variable {}

/// CPU and generation of one run of the program.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) cpu: u32,
    pub(crate) generation: u32,
    /// Number of the part of this CPU in this generation.
    pub(crate) number: u32,
}

impl Part {
    #[inline(always)]
    pub(crate) fn of_this_run() -> Self {
        // SAFETY: the helper only reads the number of the CPU.
        let cpu = unsafe { bpf_get_smp_processor_id() } as u32;
        // Read once: all that this run writes is in one generation, also when it is switched meanwhile.
        // SAFETY: it is an aligned word.
        let generation = unsafe { GENERATION.0.get().read_volatile() } as u32;
        Self { cpu, generation, number: counters::part(generation, CPUS.load(), cpu) }
    }
}
