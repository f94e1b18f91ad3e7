//! `cargo xtask fuzz responder`: frames on the responder, in the kernel.

use anyhow::Result;

use super::Inputs;

/// Answer changed frames, in the kernel
///
/// Segments of every kind, over IPv4 and IPv6 and with tags, changed and cut off, go through the program by BPF_PROG_TEST_RUN. What is
/// answered has to be right and no larger, and all else has to go on as it came. Needs root.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: Inputs,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    args.inputs.run("honeyxdp-tests", "kernel", "responder::whatever_comes_is_answered_rightly_or_left_alone")
}
