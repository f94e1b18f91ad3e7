//! Reads the HyperLogLog registers of the inactive generation.

use std::sync::atomic::Ordering;

use honeyxdp_common::{
    Family,
    counters::{FAMILY_SLOTS, GENERATIONS},
    sketch::WORDS,
};

use crate::kernel::memory::{MapsError, Shared, Sizes};
use crate::{
    kernel::map_set::{MapId, MapSet},
    sketch::Sketch,
};

/// The registers of every family.
#[derive(Debug)]
pub(super) struct Sketches {
    registers: Shared<u64>,
    /// Registers of the whole run and all CPUs. They outlive this process.
    totals: Shared<u64>,
    sizes: Sizes,
}

impl Sketches {
    pub(super) fn take(map_set: &MapSet) -> Result<Self, MapsError> {
        let sizes = map_set.sizes();
        let words = FAMILY_SLOTS * WORDS;
        let registers = map_set.memory(MapId::Sketches, GENERATIONS * sizes.cpus * words)?;
        Ok(Self { registers, totals: map_set.memory(MapId::Totals, words)?, sizes })
    }

    /// Merges a family's registers of the whole run into `sketch`.
    pub(super) fn total(&self, family: Family, sketch: &mut Sketch) {
        for (at, word) in self.totals.words(family.wire_id() * WORDS, WORDS).iter().enumerate() {
            let registers = word.load(Ordering::Relaxed);
            if registers != 0 {
                sketch.raise(at, registers);
            }
        }
    }

    /// Moves a family's registers of the inactive generation into `sketch` and into those of the whole run.
    pub(super) fn take_family(&mut self, generation: usize, cpus: &[usize], family: Family, sketch: &mut Sketch) {
        let totals = self.totals.words(family.wire_id() * WORDS, WORDS);
        for cpu in cpus {
            let shard = self.sizes.shard(generation, *cpu);
            let words = self.registers.words((shard * FAMILY_SLOTS + family.wire_id()) * WORDS, WORDS);
            for (at, word) in words.iter().enumerate() {
                let registers = word.load(Ordering::Relaxed);
                if registers != 0 {
                    sketch.raise(at, registers);
                    // Before they are cleared: registers only rise, so a kill in between counts nothing twice.
                    totals[at].store(higher(totals[at].load(Ordering::Relaxed), registers), Ordering::Relaxed);
                    word.store(0, Ordering::Relaxed);
                }
            }
        }
    }
}

/// The higher one of each pair of registers, eight to a word.
fn higher(one: u64, other: u64) -> u64 {
    let mut registers = one.to_ne_bytes();
    registers.iter_mut().zip(other.to_ne_bytes()).for_each(|(one, other)| *one = (*one).max(other));
    u64::from_ne_bytes(registers)
}
