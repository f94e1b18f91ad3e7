//! Kernel against host: the same frames through both, and counts and flows must be equal.

use anyhow::{bail, ensure};
use honeyxdp::{
    Counts, Pipeline,
    kernel::{OBJECT, Options},
    sources::Settings,
};
use honeyxdp_common::{Disposition, Family, FilterReason, dissect, fingerprints};

use crate::{
    bench::{Bench, XDP_DROP, XDP_PASS},
    flows::Flows,
    named,
    random::Frames,
};

/// Frames between two comparisons: comparing costs more than running them.
const BATCH: usize = 20_000;
/// Frames between two comparisons where one is looked for.
const SOME: usize = 200;

/// The host's answer.
pub struct Host {
    pipeline: Pipeline,
    options: Options,
    flows: Flows,
}

impl Host {
    /// With the filters of these options.
    pub fn new(options: &Options) -> Self {
        let pipeline = Pipeline::new(options.filters.clone(), &Settings::default());
        Self { pipeline, options: options.clone(), flows: Flows::default() }
    }

    /// Takes a frame, and says what the program returns for it: an XDP action of linux/bpf.h.
    pub fn frame(&mut self, frame: &[u8]) -> u32 {
        let before = self.counts().syns();
        let dissected = dissect(frame);
        self.pipeline.frame(dissected, frame.len() as u64, 0);
        let filters = &self.options.filters;
        if let Ok(syn) = dissected
            && filters.of_headers(&syn).is_none()
        {
            let syn = filters.public(syn);
            let matched = fingerprints::matching(&syn);
            let family = fingerprints::primary(matched);
            if filters.of_family(family).is_none() {
                self.flows.add_syn(&syn, family, matched);
            }
        }
        let is_counted = self.counts().syns() > before;
        if is_counted && self.options.drop_counted { XDP_DROP } else { XDP_PASS }
    }

    /// What it counted.
    pub const fn counts(&self) -> &Counts {
        self.pipeline.counts()
    }

    /// What it saw of sources.
    pub const fn flows(&self) -> &Flows {
        &self.flows
    }

    /// Whether the kernel says the same. Which SYNs are in records is a matter of chance where it takes samples, and of room where
    /// it has little: then no record may say more than there was.
    pub fn agrees(&self, bench: &mut Bench) -> bool {
        let counts = bench.counts();
        if counts.sampled_out() == 0 && counts.lost_packets() == 0 {
            return counts == self.counts() && bench.flows() == &self.flows;
        }
        same_but_records(counts, self.counts()) && bench.flows().are_within(&self.flows)
    }
}

/// Whether two counted the same frames in the same way, whatever became of the records.
fn same_but_records(one: &Counts, other: &Counts) -> bool {
    let of_families = |counts: &Counts| -> Vec<(u64, u64)> {
        Family::ALL.iter().map(|&family| (counts.family_v6(family), counts.secondary(family))).collect()
    };
    Disposition::ALL.iter().all(|&which| one.disposition(which) == other.disposition(which))
        && FilterReason::ALL.iter().all(|&reason| one.filtered(reason) == other.filtered(reason))
        && one.bytes() == other.bytes()
        && of_families(one) == of_families(other)
        && one.ports().eq(other.ports())
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
    Pair { object, kernel: options, host: options }.compare(seed, frames)
}

/// A program in the kernel and the host's code, each with its options: what they do differs where those do.
pub struct Pair<'a> {
    /// The object with the program.
    pub object: &'a [u8],
    /// With which it is loaded.
    pub kernel: &'a Options,
    /// With which the host judges.
    pub host: &'a Options,
}

impl Pair<'_> {
    fn start(&self) -> anyhow::Result<(Bench, Host)> {
        Ok((Bench::of(self.object, self.kernel)?, Host::new(self.host)))
    }

    /// Runs `frames` random frames of a seed through both.
    ///
    /// # Errors
    /// As [`compare`].
    pub fn compare(&self, seed: u64, frames: usize) -> anyhow::Result<Counts> {
        let (mut bench, mut host) = self.start()?;
        let mut source = Frames::new(seed);
        let mut left = frames;
        while left > 0 {
            let batch: Vec<Vec<u8>> = (0..left.min(BATCH)).map(|_| source.next_frame()).collect();
            left -= batch.len();
            for frame in &batch {
                let (kernel, host) = (bench.verdict(frame)?, host.frame(frame));
                ensure!(
                    kernel == host,
                    "seed {seed}: the kernel returns {kernel} and the host {host} for {frame:02x?}"
                );
            }
            if !host.agrees(&mut bench) {
                let frame = self.culprit(&batch)?;
                bail!("seed {seed}: kernel and host differ on {frame:02x?}");
            }
        }
        Ok(host.counts().clone())
    }

    /// The first frame of a batch that they count differently: some at a time, because to compare takes as long as thousands of
    /// frames, and then those one by one.
    fn culprit<'a>(&self, batch: &'a [Vec<u8>]) -> anyhow::Result<&'a Vec<u8>> {
        let (mut bench, mut host) = self.start()?;
        let mut before = 0;
        for some in batch.chunks(SOME) {
            run(&mut bench, &mut host, some)?;
            if !host.agrees(&mut bench) {
                break;
            }
            before += some.len();
        }
        let (mut bench, mut host) = self.start()?;
        run(&mut bench, &mut host, &batch[..before])?;
        for frame in batch[before..].iter().take(SOME) {
            run(&mut bench, &mut host, std::slice::from_ref(frame))?;
            if !host.agrees(&mut bench) {
                return Ok(frame);
            }
        }
        bail!("no single frame differs: the counters depend on what came before")
    }
}

fn run(bench: &mut Bench, host: &mut Host, frames: &[Vec<u8>]) -> anyhow::Result<()> {
    for frame in frames {
        bench.verdict(frame)?;
        host.frame(frame);
    }
    Ok(())
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
        ensure!(host.agrees(&mut bench), "kernel and host differ on: {}", named.name);
    }
    Ok(())
}
