//! Reading the counters of the half that stands still.

use std::sync::atomic::{AtomicU64, Ordering};

use honeyxdp_common::{
    Disposition, Family,
    counters::{Counter, FAMILIES, FAMILY_SLOTS, GENERATIONS, INTERFACE_COUNTERS, INTERFACES, PORTS},
};

use super::{MapsError, Sizes, shared::Shared};
use crate::{
    Counts,
    kernel::map_set::{MapId, MapSet},
};

/// Words of a counter, and of all counters of an interface.
const COUNTER_WORDS: usize = size_of::<Counter>() / 8;
const INTERFACE_WORDS: usize = INTERFACE_COUNTERS * COUNTER_WORDS;

/// The counters of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceCounts([Counter; INTERFACE_COUNTERS]);

impl InterfaceCounts {
    /// Frames with this disposition.
    pub const fn disposition(&self, disposition: Disposition) -> u64 {
        self.0[disposition as usize].events
    }

    /// SYNs whose primary family is `family`, as far as they are counted by interface: those that came while the sensor had
    /// only one interface are not.
    pub const fn family(&self, family: Family) -> u64 {
        self.0[FAMILIES + family.wire_id()].events
    }
}

/// The maps of counters, and what they held when they were last read.
#[derive(Debug)]
pub(super) struct Counters {
    ports: Shared<u64>,
    interfaces: Shared<u64>,
    sizes: Sizes,
    /// Of each generation, the sums that `total` already has.
    held: [Counts; GENERATIONS],
    /// Of each slot, the same and its total.
    slots: Vec<([[Counter; INTERFACE_COUNTERS]; GENERATIONS], InterfaceCounts)>,
    /// Of each part, the SYNs that it had counted.
    syns: Vec<u64>,
    total: Counts,
}

impl Counters {
    pub(super) fn take(map_set: &MapSet) -> Result<Self, MapsError> {
        const NONE: [Counter; INTERFACE_COUNTERS] = [Counter { events: 0, amount: 0 }; INTERFACE_COUNTERS];
        let sizes = map_set.sizes();
        let parts = GENERATIONS * sizes.cpus;
        Ok(Self {
            ports: map_set.memory(MapId::Ports, parts * PORTS * FAMILY_SLOTS)?,
            interfaces: map_set.memory(MapId::Interfaces, parts * INTERFACES * INTERFACE_WORDS)?,
            sizes,
            held: Default::default(),
            slots: vec![([NONE; GENERATIONS], InterfaceCounts(NONE)); INTERFACES],
            syns: vec![0; parts],
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
        for slot in 0..INTERFACES {
            let mut sums = [[0; COUNTER_WORDS]; INTERFACE_COUNTERS];
            for part in parts.clone() {
                let counters = self.part(part).nth(slot).expect("every part has every slot");
                sums.iter_mut().zip(counters).for_each(|(sum, counter)| add(sum, counter));
            }
            let (held, own) = &mut self.slots[slot];
            for (which, [events, amount]) in sums.into_iter().enumerate() {
                let held = &mut held[generation][which];
                let new = Counter { events: events - held.events, amount: amount - held.amount };
                *held = Counter { events, amount };
                own.0[which].add(new);
                // SYNs by family are in the rows of ports, for all interfaces together.
                if which < FAMILIES {
                    self.total.others[which].add(new);
                }
            }
        }
        let held = &mut self.held[generation];
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

    /// The counters of one interface, as they were last read.
    pub(super) fn interface(&self, slot: usize) -> &InterfaceCounts {
        &self.slots[slot].1
    }

    /// The counters of every interface in a part.
    fn part(&self, part: usize) -> impl Iterator<Item = &[[AtomicU64; COUNTER_WORDS]; INTERFACE_COUNTERS]> {
        let words = INTERFACES * INTERFACE_WORDS;
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
