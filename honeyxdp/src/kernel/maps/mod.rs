//! The maps of a loaded program, read from memory that the kernel shares.
//!
//! All are arrays that can be mapped (BPF_F_MMAPABLE), so a drain is a walk over memory: no system call per row and no copy.
//! Measured against the batch calls of bpf(2) by `cargo xtask bench drain`, see docs/benchmarks.md. How they are cut into
//! parts and generations says `honeyxdp_common::counters`.

mod counters;
mod flows;
mod generation;
mod responder;
mod rings;
mod shared;
mod sketches;

use std::io;

use honeyxdp_common::{Family, counters::INTERFACES, flow::Flow, responder::Payload};
use serde::{Deserialize, Serialize};

pub(super) use self::shared::Shared;
use self::{counters::Counters, flows::Flows, generation::Generation, responder::Responder, sketches::Sketches};
pub use self::{counters::InterfaceCounts, responder::Events};
use super::map_set::MapSet;
use crate::{Counts, sketch::Sketch};

/// Why the maps cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MapsError {
    /// The object has no such map.
    #[error("the eBPF object has no array map {0}: it was not built from these sources")]
    Missing(&'static str),
    /// mmap(2) failed.
    #[error("mapping {map} ({bytes} bytes) failed: {source}")]
    Mmap {
        /// Which map.
        map: &'static str,
        /// Its size.
        bytes: usize,
        /// What the kernel said.
        source: io::Error,
    },
    /// Waiting for the kernel is not possible.
    #[error("switching the generations of the maps failed: {0}")]
    Grace(io::Error),
}

/// How large the maps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Possible CPUs.
    pub cpus: usize,
    /// Places in the flow cache of each part, as a power of two.
    pub flow_bits: u32,
    /// Records in the ring of each CPU, as a power of two.
    pub ring_bits: u32,
}

impl Sizes {
    /// Number of a CPU's part in one generation, as `honeyxdp_common::counters::shard` has it in the kernel.
    const fn part(self, generation: usize, cpu: usize) -> usize {
        generation * self.cpus + cpu
    }
}

/// The maps of a loaded program.
#[derive(Debug)]
pub struct Maps {
    sizes: Sizes,
    generation: Generation,
    counters: Counters,
    flows: Flows,
    sketches: Sketches,
    responder: Responder,
}

/// One half of the maps, which stands still until the next cut.
#[derive(Debug)]
pub struct Cut {
    generation: usize,
    /// CPUs that have counted a SYN since this half was cut off before.
    cpus: Vec<usize>,
}

impl Maps {
    /// Takes the maps of a map_set, as they are.
    ///
    /// # Errors
    /// When they cannot be mapped.
    pub fn take(map_set: &MapSet) -> Result<Self, MapsError> {
        Ok(Self {
            sizes: map_set.sizes(),
            generation: Generation::take(map_set)?,
            counters: Counters::take(map_set)?,
            flows: Flows::take(map_set)?,
            sketches: Sketches::take(map_set)?,
            responder: Responder::take(map_set)?,
        })
    }

    /// How large they are.
    pub const fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Cuts: everything that was counted until now stands still, and what comes is counted in the other half. Takes some
    /// milliseconds, in which the kernel finishes the frames that it is at.
    ///
    /// # Errors
    /// When the kernel does not let us wait for that. Nothing is lost then; try again.
    pub fn cut(&mut self) -> Result<Cut, MapsError> {
        let generation = self.generation.switch()?;
        Ok(Cut { generation, cpus: self.counters.changed(generation) })
    }

    /// The counters up to a cut.
    pub fn counts(&mut self, cut: &Cut) -> &Counts {
        self.counters.read(cut.generation, !cut.cpus.is_empty())
    }

    /// The counters as they were last read.
    pub const fn counted(&self) -> &Counts {
        self.counters.total()
    }

    /// Takes the records that wait in the rings, all CPUs, oldest first. With a cut only those up to it, and then also the
    /// flows that are still in the cache.
    ///
    /// Returns the fill of the fullest ring as it was found, from 0 to 1.
    pub fn records(&mut self, cut: Option<&Cut>, mut take: impl FnMut(&Flow)) -> f64 {
        let fill = self.flows.poll(cut.map(|cut| cut.generation), &mut take);
        if let Some(cut) = cut {
            self.flows.flush(cut.generation, &cut.cpus, take);
        }
        fill
    }

    /// Takes the payloads that wait. Returns the fill of the fullest ring as it was found, from 0 to 1.
    pub fn payloads(&mut self, take: impl FnMut(&Payload)) -> f64 {
        self.responder.poll(take)
    }

    /// What the responder has done until now.
    pub fn events(&self) -> Events {
        self.responder.events()
    }

    /// Moves a family's registers up to a cut into `sketch`.
    pub fn sketch(&mut self, cut: &Cut, family: Family, sketch: &mut Sketch) {
        self.sketches.take_family(cut.generation, &cut.cpus, family, sketch);
    }

    /// Merges a family's registers since the map_set was begun into `sketch`.
    pub fn total_sketch(&self, family: Family, sketch: &mut Sketch) {
        self.sketches.total(family, sketch);
    }

    /// The counters of one interface, as they were last read.
    pub fn interface(&self, slot: usize) -> &InterfaceCounts {
        self.counters.interface(slot)
    }

    /// SYNs of one interface whose primary family is `family`. What came while there was only one interface is counted by port
    /// alone, and is that of the first slot.
    pub fn syns_of(&self, slot: usize, family: Family) -> u64 {
        let counted = |slot| self.counters.interface(slot).family(family);
        if slot > 0 {
            return counted(slot);
        }
        let others: u64 = (1..INTERFACES).map(counted).sum();
        self.counters.total().family(family) - others
    }
}
