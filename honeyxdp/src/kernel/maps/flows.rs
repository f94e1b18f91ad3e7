//! Reads flow records: from the rings at any time, from the cache after a flip.

use honeyxdp_common::{counters::GENERATIONS, flow::Flow};

use super::rings::Rings;
use crate::kernel::{
    map_set::{MapId, MapSet},
    memory::{MapsError, Shared, Sizes},
};

/// The flow caches and the rings.
#[derive(Debug)]
pub(super) struct Flows {
    cache: Shared<Flow>,
    records: Rings<Flow>,
    sizes: Sizes,
}

impl Flows {
    pub(super) fn take(map_set: &MapSet) -> Result<Self, MapsError> {
        let sizes = map_set.sizes();
        Ok(Self {
            cache: map_set.memory(MapId::Flows, (GENERATIONS * sizes.cpus) << sizes.flow_bits)?,
            records: Rings::take(map_set, MapId::Records, MapId::Positions, sizes.ring_bits)?,
            sizes,
        })
    }

    /// Reads the records in all rings, or only those of one generation. Returns the fill level of the fullest ring.
    pub(super) fn poll(&mut self, only: Option<usize>, mut take: impl FnMut(&Flow)) -> f64 {
        self.records.poll(|flow| {
            // A CPU writes the generations one after the other, so all following records are of the other one too.
            let is_wanted = only.is_none_or(|generation| flow.generation() as usize == generation);
            if is_wanted {
                take(flow);
            }
            is_wanted
        })
    }

    /// Reads and clears the flow caches of these CPUs in the inactive generation.
    pub(super) fn flush(&mut self, generation: usize, cpus: &[usize], mut take: impl FnMut(&Flow)) {
        for cpu in cpus {
            let start = self.sizes.shard(generation, *cpu) << self.sizes.flow_bits;
            for slot in start..start + (1 << self.sizes.flow_bits) {
                let flow = self.cache.element(slot);
                // SAFETY: the element is in the mapping, and the kernel writes the other generation until the next flip.
                unsafe {
                    if (*flow).packets != 0 {
                        take(&*flow);
                        (*flow).packets = 0;
                    }
                }
            }
        }
    }
}
