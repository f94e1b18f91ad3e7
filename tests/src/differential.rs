//! Kernel against host: the same frames through both, and counts and flows must be equal.

use anyhow::bail;
use honeyxdp::{
    Census, Counts,
    kernel::{OBJECT, Options},
    sources::Settings,
};
use honeyxdp_common::{dissect, marks};

use crate::{bench::Bench, flows::Flows, named, random::Frames};

/// Frames between two comparisons: comparing costs more than running them.
const BATCH: usize = 20_000;

/// The host's answer.
pub struct Host {
    census: Census,
    options: Options,
    flows: Flows,
}

impl Host {
    /// With the filters of these options.
    pub fn new(options: &Options) -> Self {
        let census = Census::new(options.filters.clone(), &Settings::default());
        Self { census, options: options.clone(), flows: Flows::default() }
    }

    /// Takes a frame.
    pub fn frame(&mut self, frame: &[u8]) {
        let dissected = dissect(frame);
        self.census.frame(dissected, frame.len() as u64, 0);
        let filters = &self.options.filters;
        if let Ok(syn) = dissected
            && filters.of_headers(&syn).is_none()
        {
            let syn = filters.public(syn);
            let tags = marks::tags(&syn);
            let family = marks::primary(tags);
            if filters.of_family(family).is_none() {
                self.flows.add_syn(&syn, family, tags);
            }
        }
    }

    /// What it counted.
    pub const fn counts(&self) -> &Counts {
        self.census.counts()
    }

    /// What it saw of sources.
    pub const fn flows(&self) -> &Flows {
        &self.flows
    }

    /// Whether the kernel says the same.
    pub fn agrees(&self, bench: &mut Bench) -> bool {
        bench.counts() == self.counts() && bench.flows() == &self.flows
    }
}

/// Runs `frames` random frames of a seed through both.
///
/// # Errors
/// At the first frame that they count differently, with the seed and its bytes.
pub fn compare(options: &Options, seed: u64, frames: usize) -> anyhow::Result<Counts> {
    compare_object(OBJECT, options, seed, frames)
}

/// The same with another object of the same program.
///
/// # Errors
/// As [`compare`].
pub fn compare_object(object: &[u8], options: &Options, seed: u64, frames: usize) -> anyhow::Result<Counts> {
    let mut bench = Bench::of(object, options)?;
    let mut host = Host::new(options);
    let mut source = Frames::new(seed);
    let mut left = frames;
    while left > 0 {
        let batch: Vec<Vec<u8>> = (0..left.min(BATCH)).map(|_| source.next_frame()).collect();
        left -= batch.len();
        for frame in &batch {
            bench.verdict(frame)?;
            host.frame(frame);
        }
        if !host.agrees(&mut bench) {
            let frame = culprit(object, options, &batch)?;
            bail!("seed {seed}: kernel and host differ on {frame:02x?}");
        }
    }
    Ok(host.counts().clone())
}

/// The first frame of a batch that kernel and host count differently.
fn culprit<'a>(object: &[u8], options: &Options, batch: &'a [Vec<u8>]) -> anyhow::Result<&'a Vec<u8>> {
    let mut bench = Bench::of(object, options)?;
    let mut host = Host::new(options);
    for frame in batch {
        bench.verdict(frame)?;
        host.frame(frame);
        if !host.agrees(&mut bench) {
            return Ok(frame);
        }
    }
    bail!("no single frame differs: the counters depend on what came before")
}

/// Runs all named frames through another object of the same program, jumbo frames of several buffers among them, and
/// compares after each with the host.
///
/// # Errors
/// At the first frame that they count differently, with its name.
pub fn compare_named(object: &[u8], options: &Options) -> anyhow::Result<()> {
    let mut bench = Bench::of(object, options)?;
    let mut host = Host::new(options);
    for named in named::frames() {
        bench.verdict(&named.bytes)?;
        host.frame(&named.bytes);
        anyhow::ensure!(host.agrees(&mut bench), "kernel and host differ on: {}", named.name);
    }
    Ok(())
}
