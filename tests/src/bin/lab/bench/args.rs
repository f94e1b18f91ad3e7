//! The command line of the measurements, which `cargo xtask bench` has too.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Measure honeyxdp on this machine
///
/// Without a PART it measures everything, in about ten minutes. Each number is a median of rounds. What it is compared
/// with is measured in the same run, in turn with it. All traffic stays in network namespaces that it makes and removes.
/// An idle machine gives steady numbers; look at min and max.
#[derive(Debug, Args)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Also write all numbers to this file, as JSON
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) json: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
}

/// What all parts obey.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Settings {
    /// Rounds; medians, least and most of them are shown
    #[arg(long, value_name = "N", global = true, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Only see whether everything works: one short round, whose numbers mean little
    #[arg(long, global = true)]
    pub(crate) quick: bool,
    /// Seconds that each live measurement sends frames; each has its own default
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seconds: Option<u64>,
}

/// A measurement. The comments of its file say how it is done, docs/develop/benchmarks.md what the numbers mean.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Part {
    /// Cost of a SYN in the kernel, each one different: over an empty program, against a hash of sources, against C
    Packet,
    /// Cost of each filter by itself
    Filters,
    /// Cost of one frame, the same again and again, by kind of frame
    Frames,
    /// Whether CPUs disturb each other: cost of a SYN while 1, 2, ... all CPUs count
    Cores,
    /// Live frames over a veth, native and generic, beside tcpdump with a filter for one mark
    Throughput,
    /// A spoofed flood from 2^32 sources: is every frame counted, and how good is the estimate of sources
    Flood,
    /// A million sources, a million SYNs a second: are they counted exactly
    Million,
    /// Reading everything, beside the batch calls of bpf(2); and the CPU that a sensor takes, idle and busy
    Drain,
    /// Reading a capture file, beside tcpdump and tshark with a filter for one mark
    Replay,
    /// The observation report of 200,000,000 flow records, beside DuckDB with the same questions; not among the others, because it
    /// takes minutes to build, minutes to run, and 5 GB
    Report(Report),
}

/// Options of `bench report`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Report {
    /// Rows of the synthetic dataset, which is made once and kept in the target directory
    #[arg(long, value_name = "N", default_value_t = 200_000_000)]
    pub(crate) rows: u64,
    /// Threads of both
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) threads: usize,
    /// Memory of both, in GiB
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) memory: u64,
}
