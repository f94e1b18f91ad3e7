//! Reads the counters of the inactive generation.

use std::sync::atomic::{AtomicU64, Ordering};

use honeyxdp_common::{
    Disposition, Family,
    counters::{Counter, FAMILIES, FAMILY_SLOTS, GENERATIONS, INTERFACE_COUNTERS, INTERFACES, PORTS},
};

use crate::{
    Counts,
    kernel::{
        map_set::{MapId, MapSet},
        memory::{MapsError, Shared, Sizes},
    },
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

    /// SYNs whose primary family is `family`. SYNs are counted by interface only while the sensor has several.
    pub const fn family(&self, family: Family) -> u64 {
        self.0[FAMILIES + family.wire_id()].events
    }
}

/// The counter maps, and their values at the last read.
#[derive(Debug)]
pub(super) struct Counters {
    ports: Shared<u64>,
    interfaces: Shared<u64>,
    sizes: Sizes,
    /// Sums of each generation that `total` includes.
    held: [Counts; GENERATIONS],
    /// The same of each interface slot, and its total.
    slots: Vec<([[Counter; INTERFACE_COUNTERS]; GENERATIONS], InterfaceCounts)>,
    /// SYNs of each shard at the last flip.
    syns: Vec<u64>,
    total: Counts,
}

impl Counters {
    pub(super) fn take(map_set: &MapSet) -> Result<Self, MapsError> {
        const NONE: [Counter; INTERFACE_COUNTERS] = [Counter { events: 0, amount: 0 }; INTERFACE_COUNTERS];
        let sizes = map_set.sizes();
        let shards = GENERATIONS * sizes.cpus;
        Ok(Self {
            ports: map_set.memory(MapId::Ports, shards * PORTS * FAMILY_SLOTS)?,
            interfaces: map_set.memory(MapId::Interfaces, shards * INTERFACES * INTERFACE_WORDS)?,
            sizes,
            held: Default::default(),
            slots: vec![([NONE; GENERATIONS], InterfaceCounts(NONE)); INTERFACES],
            syns: vec![0; shards],
            total: Counts::default(),
        })
    }

    /// CPUs that counted a SYN in this generation since the last call for it.
    pub(super) fn changed(&mut self, generation: usize) -> Vec<usize> {
        let mut changed = Vec::new();
        for cpu in 0..self.sizes.cpus {
            let shard = self.sizes.shard(generation, cpu);
            let syns = self.shard(shard).map(|slot| slot[Disposition::Syn as usize][0].load(Ordering::Relaxed)).sum();
            if syns != self.syns[shard] {
                self.syns[shard] = syns;
                changed.push(cpu);
            }
        }
        changed
    }

    /// Adds new counts of this generation to the total. Without new SYNs (`syns` false) the ports are not read.
    pub(super) fn read(&mut self, generation: usize, syns: bool) -> &Counts {
        let shards = self.sizes.shard(generation, 0)..self.sizes.shard(generation + 1, 0);
        for slot in 0..INTERFACES {
            let mut sums = [[0; COUNTER_WORDS]; INTERFACE_COUNTERS];
            for shard in shards.clone() {
                let counters = self.shard(shard).nth(slot).expect("every shard has every slot");
                sums.iter_mut().zip(counters).for_each(|(sum, counter)| add(sum, counter));
            }
            let (held, own) = &mut self.slots[slot];
            for (which, [events, amount]) in sums.into_iter().enumerate() {
                let held = &mut held[generation][which];
                let new = Counter { events: events - held.events, amount: amount - held.amount };
                *held = Counter { events, amount };
                own.0[which].add(new);
                // SYNs by family of all interfaces are in the port rows.
                if which < FAMILIES {
                    self.total.others[which].add(new);
                }
            }
        }
        let held = &mut self.held[generation];
        if syns {
            let rows: Vec<_> =
                shards.filter(|&shard| self.syns[shard] > 0).map(|shard| port_rows(&self.ports, shard)).collect();
            for port in 0..=u16::MAX {
                let mut sums = [0; FAMILY_SLOTS];
                rows.iter().for_each(|rows| add(&mut sums, &rows[usize::from(port)]));
                // Most rows are unchanged; their memory is not written.
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

    /// All counters at the last read.
    pub(super) const fn total(&self) -> &Counts {
        &self.total
    }

    /// The counters of one interface at the last read.
    pub(super) fn interface(&self, slot: usize) -> &InterfaceCounts {
        &self.slots[slot].1
    }

    /// The counters of every interface in a shard.
    fn shard(&self, shard: usize) -> impl Iterator<Item = &[[AtomicU64; COUNTER_WORDS]; INTERFACE_COUNTERS]> {
        let words = INTERFACES * INTERFACE_WORDS;
        self.interfaces.words(shard * words, words).as_chunks().0.as_chunks().0.iter()
    }
}

/// The row of every port in a shard.
fn port_rows(ports: &Shared<u64>, shard: usize) -> &[[AtomicU64; FAMILY_SLOTS]] {
    const WORDS: usize = PORTS * FAMILY_SLOTS;
    ports.words(shard * WORDS, WORDS).as_chunks().0
}

fn add<const N: usize>(sums: &mut [u64; N], row: &[AtomicU64; N]) {
    for (sum, counter) in sums.iter_mut().zip(row) {
        *sum += counter.load(Ordering::Relaxed);
    }
}
