//! `cargo xtask fuzz labels`: payloads on the rules of contrib/labels.toml.

use anyhow::Result;

use crate::command::{cargo, run};

/// Label changed payloads
///
/// Judges every label, and prints the time of all and the most time that a byte took.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Payloads
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    inputs: u64,
    /// Seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let mut test = cargo();
    test.env("HONEYXDP_INPUTS", args.inputs.to_string()).env("HONEYXDP_SEED", args.seed.to_string());
    test.args(["test", "--release", "--package", "honeyxdp-labels", "--test", "labels"]);
    run(test.args(["--", "--exact", "--nocapture", "fuzz::changed_payloads_are_labelled_by_the_book"]))
}
