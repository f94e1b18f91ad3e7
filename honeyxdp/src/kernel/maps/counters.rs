//! Reading the counters of the half that stands still.

use std::sync::atomic::{AtomicU64, Ordering};

use aya::Ebpf;
use honeyxdp_common::{
    Disposition,
    counters::{Counter, FAMILY_SLOTS, GENERATIONS, INTERFACE_COUNTERS, PORTS, V6},
};

use super::{MapsError, Sizes, shared::Shared};
use crate::Counts;

/// Words of a counter, and of all counters of an interface.
const COUNTER_WORDS: usize = size_of::<Counter>() / 8;
const INTERFACE_WORDS: usize = INTERFACE_COUNTERS * COUNTER_WORDS;

/// The maps of counters, and what they held when they were last read.
#[derive(Debug)]
pub(super) struct Counters {
    ports: Shared<u64>,
    interfaces: Shared<u64>,
    sizes: Sizes,
    /// Of each generation, the sums that `total` already has.
    held: [Counts; GENERATIONS],
    /// Of each part, the SYNs that it had counted.
    syns: Vec<u64>,
    /// Of each generation, the frames of each slot by disposition, all CPUs together.
    slots: [Vec<[u64; V6]>; GENERATIONS],
    total: Counts,
}

impl Counters {
    pub(super) fn take(ebpf: &Ebpf, sizes: Sizes) -> Result<Self, MapsError> {
        let parts = GENERATIONS * sizes.cpus;
        Ok(Self {
            ports: Shared::map(ebpf, "PORTS", parts * PORTS * FAMILY_SLOTS)?,
            interfaces: Shared::map(ebpf, "INTERFACES", parts * sizes.slots * INTERFACE_WORDS)?,
            sizes,
            held: Default::default(),
            syns: vec![0; parts],
            slots: [const { Vec::new() }; GENERATIONS],
            total: Counts::default(),
        })
    }

    /// CPUs that have counted a SYN in this generation since this was last called for it.
    pub(super) fn changed(&mut self, generation: usize) -> Vec<usize> {
        let mut changed = Vec::new();
        for cpu in 0..self.sizes.cpus {
            let part = self.sizes.part(generation, cpu);
            let syns = self.part(part).map(|slot| slot[Disposition::Syn as usize][0].load(Ordering::Relaxed)).sum();
            if syns != self.syns[part] {
                self.syns[part] = syns;
                changed.push(cpu);
            }
        }
        changed
    }

    /// Adds what is new in this generation to the total. `syns` says whether there is a new SYN; without, the ports need no look.
    pub(super) fn read(&mut self, generation: usize, syns: bool) -> &Counts {
        let parts = self.sizes.part(generation, 0)..self.sizes.part(generation + 1, 0);
        let mut sums = [[0; COUNTER_WORDS]; INTERFACE_COUNTERS];
        let mut slots = vec![[0; V6]; self.sizes.slots];
        for part in parts.clone() {
            for (slot, frames) in self.part(part).zip(&mut slots) {
                sums.iter_mut().zip(slot).for_each(|(sum, counter)| add(sum, counter));
                frames.iter_mut().zip(slot).for_each(|(sum, [count, _])| *sum += count.load(Ordering::Relaxed));
            }
        }
        self.slots[generation] = slots;
        let held = &mut self.held[generation];
        for ((total, held), [count, of]) in self.total.others.iter_mut().zip(&mut held.others).zip(sums) {
            total.count += count - held.count;
            total.of += of - held.of;
            *held = Counter { count, of };
        }
        if syns {
            let rows: Vec<_> =
                parts.filter(|&part| self.syns[part] > 0).map(|part| port_rows(&self.ports, part)).collect();
            for port in 0..=u16::MAX {
                let mut sums = [0; FAMILY_SLOTS];
                rows.iter().for_each(|rows| add(&mut sums, &rows[usize::from(port)]));
                // Most rows stay as they were, and their memory is not written.
                if sums != *held.row(port) {
                    let held = held.row_mut(port);
                    for ((total, held), now) in self.total.row_mut(port).iter_mut().zip(held).zip(sums) {
                        *total += now - *held;
                        *held = now;
                    }
                }
            }
        }
        &self.total
    }

    /// All counters as they were last read.
    pub(super) const fn total(&self) -> &Counts {
        &self.total
    }

    /// Frames of each interface by disposition, in the order of the slots, as they were last read.
    pub(super) fn frames(&self) -> Vec<[u64; V6]> {
        let mut frames = vec![[0; V6]; self.sizes.slots];
        for slots in &self.slots {
            for (sums, slot) in frames.iter_mut().zip(slots) {
                sums.iter_mut().zip(slot).for_each(|(sum, count)| *sum += count);
            }
        }
        frames
    }

    /// The counters of every interface in a part.
    fn part(&self, part: usize) -> impl Iterator<Item = &[[AtomicU64; COUNTER_WORDS]; INTERFACE_COUNTERS]> {
        let words = self.sizes.slots * INTERFACE_WORDS;
        self.interfaces.words(part * words, words).as_chunks().0.as_chunks().0.iter()
    }
}

/// The row of every port in a part.
fn port_rows(ports: &Shared<u64>, part: usize) -> &[[AtomicU64; FAMILY_SLOTS]] {
    const WORDS: usize = PORTS * FAMILY_SLOTS;
    ports.words(part * WORDS, WORDS).as_chunks().0
}

fn add<const N: usize>(sums: &mut [u64; N], row: &[AtomicU64; N]) {
    for (sum, counter) in sums.iter_mut().zip(row) {
        *sum += counter.load(Ordering::Relaxed);
    }
}
