//! Reading the registers of the half that stands still.

use std::sync::atomic::Ordering;

use aya::Ebpf;
use honeyxdp_common::{
    Family,
    counters::{FAMILY_SLOTS, GENERATIONS},
    sketch::WORDS,
};

use super::{MapsError, Sizes, shared::Shared};
use crate::sources::Sketch;

/// The registers of every family.
#[derive(Debug)]
pub(super) struct Sketches {
    registers: Shared<u64>,
    sizes: Sizes,
}

impl Sketches {
    pub(super) fn take(ebpf: &Ebpf, sizes: Sizes) -> Result<Self, MapsError> {
        let words = GENERATIONS * sizes.cpus * FAMILY_SLOTS * WORDS;
        Ok(Self { registers: Shared::map(ebpf, "SKETCHES", words)?, sizes })
    }

    /// Merges a family's registers into `sketch` and clears them. Nobody writes that generation.
    pub(super) fn take_family(&mut self, generation: usize, cpus: &[usize], family: Family, sketch: &mut Sketch) {
        for cpu in cpus {
            let part = self.sizes.part(generation, *cpu);
            let words = self.registers.words((part * FAMILY_SLOTS + family.wire_id()) * WORDS, WORDS);
            for (at, word) in words.iter().enumerate() {
                let registers = word.load(Ordering::Relaxed);
                if registers != 0 {
                    sketch.raise(at, registers);
                    word.store(0, Ordering::Relaxed);
                }
            }
        }
    }
}
