//! Reader of the single-producer rings, one for each CPU.

use std::sync::atomic::Ordering;

use honeyxdp_common::flow::Position;

use crate::kernel::{
    map_set::{MapId, MapSet},
    memory::{MapsError, Shared},
};

/// Words of a [`Position`].
const LINE: usize = size_of::<Position>() / 8;
/// Elements between two updates of the reader's position.
const BATCH: u64 = 1_024;

/// Rings of 2^`bits` elements.
#[derive(Debug)]
pub(super) struct Rings<T> {
    elements: Shared<T>,
    positions: Shared<u64>,
    cpus: usize,
    bits: u32,
}

impl<T: Copy> Rings<T> {
    pub(super) fn take(map_set: &MapSet, elements: MapId, positions: MapId, bits: u32) -> Result<Self, MapsError> {
        let cpus = map_set.sizes().cpus;
        Ok(Self {
            elements: map_set.memory(elements, cpus << bits)?,
            positions: map_set.memory(positions, cpus * 2 * LINE)?,
            cpus,
            bits,
        })
    }

    /// Reads the rings CPU by CPU, oldest element first, until `take` returns false, which leaves that element in the ring.
    /// Returns the fill level of the fullest ring, from 0 to 1.
    pub(super) fn poll(&mut self, mut take: impl FnMut(&T) -> bool) -> f64 {
        let mut fullest = 0;
        for cpu in 0..self.cpus {
            let lines = self.positions.words(cpu * 2 * LINE, 2 * LINE);
            let (kernels, ours) = (&lines[0], &lines[LINE]);
            // Acquire: elements written before the position are visible after it.
            let end = kernels.load(Ordering::Acquire);
            let mut at = ours.load(Ordering::Relaxed);
            fullest = fullest.max(end - at);
            while at < end {
                let stop = end.min(at + BATCH);
                let mut reached = at;
                while reached < stop && take(&self.element(cpu, reached)) {
                    reached += 1;
                }
                // Release: the kernel may overwrite elements only after they are read.
                ours.store(reached, Ordering::Release);
                if reached < stop {
                    break;
                }
                at = reached;
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than it has")]
        let fill = fullest as f64 / (1_u64 << self.bits) as f64;
        fill
    }

    fn element(&self, cpu: usize, at: u64) -> T {
        let mask = (1_usize << self.bits) - 1;
        #[expect(clippy::cast_possible_truncation, reason = "the mask cuts more")]
        let index = cpu << self.bits | at as usize & mask;
        self.elements.read(index)
    }
}
