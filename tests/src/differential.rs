//! Kernel against host: the same frames through both, and the counts must be equal.

use anyhow::bail;
use honeyxdp::Counts;
use honeyxdp_common::dissect;

use crate::{bench::Bench, random::Frames};

/// Frames between two comparisons: comparing costs more than running them.
const BATCH: usize = 20_000;

/// Runs `frames` random frames of a seed through both.
///
/// # Errors
/// At the first frame that they count differently, with the seed and its bytes.
pub fn compare(seed: u64, frames: usize) -> anyhow::Result<()> {
    let mut bench = Bench::new()?;
    let mut host = Counts::default();
    let mut source = Frames::new(seed);
    let mut left = frames;
    while left > 0 {
        let batch: Vec<Vec<u8>> = (0..left.min(BATCH)).map(|_| source.next_frame()).collect();
        left -= batch.len();
        for frame in &batch {
            bench.run(frame)?;
            host.frame(dissect(frame.as_slice()), frame.len() as u64);
        }
        if bench.counts() != &host {
            let frame = culprit(&batch)?;
            bail!("seed {seed}: kernel and host differ on {frame:02x?}");
        }
    }
    Ok(())
}

/// The first frame of a batch that kernel and host count differently.
fn culprit(batch: &[Vec<u8>]) -> anyhow::Result<&Vec<u8>> {
    let mut bench = Bench::new()?;
    let mut host = Counts::default();
    for frame in batch {
        bench.run(frame)?;
        host.frame(dissect(frame.as_slice()), frame.len() as u64);
        if bench.counts() != &host {
            return Ok(frame);
        }
    }
    bail!("no single frame differs: the counters depend on what came before")
}
