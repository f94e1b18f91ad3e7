//! `cargo xtask fuzz responder`: frames on the responder, in the kernel.

use anyhow::Result;

use crate::command::{cargo, run};

/// Answer changed frames, in the kernel
///
/// Segments of every kind, over IPv4 and IPv6 and with tags, changed and cut off, go through the program by BPF_PROG_TEST_RUN. What is
/// answered has to be right and no larger, and all else has to go on as it came. Needs root.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Frames
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    inputs: u64,
    /// Seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let mut test = cargo();
    test.env("HONEYXDP_INPUTS", args.inputs.to_string()).env("HONEYXDP_SEED", args.seed.to_string());
    test.args(["test", "--release", "--package", "honeyxdp-tests", "--test", "responder"]);
    run(test.args(["--", "--exact", "--nocapture", "whatever_comes_is_answered_rightly_or_left_alone"]))
}
