//! `cargo xtask fuzz labels`: payloads on the rules of contrib/labels.toml.

use anyhow::Result;

use super::Inputs;

/// Label changed payloads
///
/// Judges every label, and prints the time of all and the most time that a byte took.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inputs: Inputs,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    args.inputs.run("honeyxdp-labels", "labels", "fuzz::changed_payloads_are_labelled_by_the_book")
}
