//! The maps of a loaded program, read through shared memory.
//!
//! All are mmapable arrays (BPF_F_MMAPABLE), so a drain walks over memory without a system call per row and without a copy.
//! `cargo xtask bench drain` compares this with the batch calls of bpf(2), see docs/develop/benchmarks.md.
//! `honeyxdp_common::counters` documents shards and generations.

mod counters;
mod flows;
mod generation;
mod responder;
mod rings;
mod sketches;

use self::{counters::Counters, flows::Flows, generation::Generation, responder::Responder, sketches::Sketches};
pub use self::{counters::InterfaceCounts, responder::Events};
use super::{
    map_set::MapSet,
    memory::{MapsError, Sizes},
};
use crate::{Counts, sketch::Sketch};
use honeyxdp_common::{Family, counters::INTERFACES, flow::Flow, responder::Payload};

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

/// The inactive generation after a flip; stable until the next flip.
#[derive(Debug)]
pub struct Flip {
    generation: usize,
    /// CPUs that counted a SYN in this generation since it was last inactive.
    cpus: Vec<usize>,
}

impl Maps {
    /// Maps a map set into memory.
    ///
    /// # Errors
    /// Returns an error if mmap(2) fails.
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

    /// Sizes of the maps.
    pub const fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Flips the generations: everything counted so far becomes stable, and later frames are counted in the other generation.
    /// Blocks some milliseconds, until the kernel has finished the frames in progress.
    ///
    /// # Errors
    /// Returns an error if the kernel refuses the wait. Nothing is lost; try again.
    pub fn flip(&mut self) -> Result<Flip, MapsError> {
        let generation = self.generation.flip()?;
        Ok(Flip { generation, cpus: self.counters.changed(generation) })
    }

    /// The counters up to a flip.
    pub fn counts(&mut self, flip: &Flip) -> &Counts {
        self.counters.read(flip.generation, !flip.cpus.is_empty())
    }

    /// The counters as they were last read.
    pub const fn counted(&self) -> &Counts {
        self.counters.total()
    }

    /// Reads the records in the rings of all CPUs, oldest first. With a flip: those up to it, and the flows in the cache.
    ///
    /// Returns the fill level of the fullest ring before reading, from 0 to 1.
    pub fn records(&mut self, flip: Option<&Flip>, mut take: impl FnMut(&Flow)) -> f64 {
        let fill = self.flows.poll(flip.map(|flip| flip.generation), &mut take);
        if let Some(flip) = flip {
            self.flows.flush(flip.generation, &flip.cpus, take);
        }
        fill
    }

    /// Reads the captured payloads. Returns the fill level of the fullest ring before reading, from 0 to 1.
    pub fn payloads(&mut self, take: impl FnMut(&Payload)) -> f64 {
        self.responder.poll(take)
    }

    /// Events of the responder so far.
    pub fn events(&self) -> Events {
        self.responder.events()
    }

    /// Moves a family's registers up to a flip into `sketch`.
    pub fn sketch(&mut self, flip: &Flip, family: Family, sketch: &mut Sketch) {
        self.sketches.take_family(flip.generation, &flip.cpus, family, sketch);
    }

    /// Merges a family's registers of the whole run into `sketch`.
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
