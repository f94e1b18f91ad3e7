//! Reading records: from the rings all the time, from the cache what a cut left there.

use std::sync::atomic::Ordering;

use honeyxdp_common::{
    counters::GENERATIONS,
    flow::{Flow, Position},
};

use super::{MapsError, Sizes, shared::Shared};
use crate::kernel::ledger::{Kept, Ledger};

/// Words of a [`Position`].
const LINE: usize = size_of::<Position>() / 8;
/// Records between two times that the kernel is told of room.
const BATCH: u64 = 1_024;

/// The flow caches and the rings.
#[derive(Debug)]
pub(super) struct Flows {
    cache: Shared<Flow>,
    records: Shared<Flow>,
    positions: Shared<u64>,
    sizes: Sizes,
}

impl Flows {
    pub(super) fn take(ledger: &Ledger) -> Result<Self, MapsError> {
        let sizes = ledger.sizes();
        Ok(Self {
            cache: ledger.memory(Kept::Flows, (GENERATIONS * sizes.cpus) << sizes.flow_bits)?,
            records: ledger.memory(Kept::Records, sizes.cpus << sizes.ring_bits)?,
            positions: ledger.memory(Kept::Positions, sizes.cpus * 2 * LINE)?,
            sizes,
        })
    }

    /// Takes the records in all rings; with a generation, only those that were counted in it. Returns the fill of the
    /// fullest ring.
    pub(super) fn poll(&mut self, only: Option<usize>, take: &mut impl FnMut(&Flow)) -> f64 {
        let mut fullest = 0;
        for cpu in 0..self.sizes.cpus {
            let lines = self.positions.words(cpu * 2 * LINE, 2 * LINE);
            let (kernels, ours) = (&lines[0], &lines[LINE]);
            // Everything that was written before the position is seen after it.
            let end = kernels.load(Ordering::Acquire);
            let mut at = ours.load(Ordering::Relaxed);
            fullest = fullest.max(end - at);
            while at < end {
                let stop = end.min(at + BATCH);
                let mut reached = at;
                while reached < stop {
                    let flow = self.record(cpu, reached);
                    // A CPU writes one generation after the other, so all that follow are of the other one as well.
                    if only.is_some_and(|generation| flow.generation() as usize != generation) {
                        break;
                    }
                    take(&flow);
                    reached += 1;
                }
                // The kernel may write there again only when it is read.
                ours.store(reached, Ordering::Release);
                if reached < stop {
                    break;
                }
                at = reached;
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than it has")]
        let fill = fullest as f64 / (1_u64 << self.sizes.ring_bits) as f64;
        fill
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

    fn record(&self, cpu: usize, at: u64) -> Flow {
        let mask = (1_usize << self.sizes.ring_bits) - 1;
        #[expect(clippy::cast_possible_truncation, reason = "the mask cuts more")]
        let index = cpu << self.sizes.ring_bits | at as usize & mask;
        self.records.read(index)
    }
}
