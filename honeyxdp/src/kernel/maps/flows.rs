//! Reading records: from the rings all the time, from the cache what a cut left there.

use honeyxdp_common::{counters::GENERATIONS, flow::Flow};

use super::{MapsError, Sizes, rings::Rings, shared::Shared};
use crate::kernel::map_set::{MapId, MapSet};

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

    /// Takes the records in all rings; with a generation, only those that were counted in it. Returns the fill of the
    /// fullest ring.
    pub(super) fn poll(&mut self, only: Option<usize>, mut take: impl FnMut(&Flow)) -> f64 {
        self.records.poll(|flow| {
            // A CPU writes one generation after the other, so all that follow are of the other one as well.
            let is_wanted = only.is_none_or(|generation| flow.generation() as usize == generation);
            if is_wanted {
                take(flow);
            }
            is_wanted
        })
    }

    /// Takes the flows in these CPUs' caches and empties them. Nobody writes that generation.
    pub(super) fn flush(&mut self, generation: usize, cpus: &[usize], mut take: impl FnMut(&Flow)) {
        for cpu in cpus {
            let start = self.sizes.part(generation, *cpu) << self.sizes.flow_bits;
            for place in start..start + (1 << self.sizes.flow_bits) {
                let flow = self.cache.element(place);
                // SAFETY: the element is in the mapping, and the kernel writes the other generation until the next cut.
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
