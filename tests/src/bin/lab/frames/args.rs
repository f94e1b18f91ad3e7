//! The command line of `cargo xtask fuzz frames`, which the task has too.

/// Run random frames through the program in the kernel and through the host's code, and compare counters, records and verdicts
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Frames
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) inputs: u64,
    /// Seed: the same one gives the same batches of frames, on however many CPUs
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// One batch alone, as a difference names it
    #[arg(long, value_name = "N")]
    pub(crate) batch: Option<u64>,
    /// Batches at the same time. Default: one for each CPU
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_024))]
    pub(crate) threads: Option<u64>,
}
