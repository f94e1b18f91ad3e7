//! `cargo xtask fuzz label-times`: payloads on the rules of contrib/signatures.toml, and the time that each takes.

use anyhow::Result;

use super::Inputs;

/// Label changed payloads and measure the time
///
/// A release build, without what the target `labels` counts branches with: prints the time of all, and the most that a byte took.
/// Judges every label too.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: Inputs,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    args.inputs.run("honeyxdp-signatures", "signatures", "fuzz::classifies_mutated_payloads_correctly")
}
