//! `cargo xtask fuzz all`: every target for a short time.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::{
    program::{build, names},
    target::{Limit, advice, fuzz},
};
use crate::command::say;

/// Every target of cargo-fuzz, one after the other, from its named seeds
///
/// Prints a table at the end. Fails when one of them failed, after all have had their time.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Seconds for each target
    #[arg(long, value_name = "N", default_value_t = 20)]
    seconds: u64,
    /// Seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
}

impl Args {
    pub(super) fn new(seconds: u64, seed: u64) -> Self {
        // libFuzzer takes 32 bits.
        Self { seconds, seed: u32::try_from(seed).unwrap_or(1) }
    }
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let programs = build(&[])?;
    let (mut table, mut failed) = (Vec::new(), Vec::new());
    for name in names()? {
        let start = Instant::now();
        let mut messages = Vec::new();
        let outcome = fuzz(&programs, &name, Limit::Seconds(args.seconds), args.seed, None, &mut |line| {
            messages.push(line.to_owned());
        });
        let outcome = outcome.inspect_err(|_| messages.iter().for_each(|line| eprintln!("{line}")))?;
        if let Some(input) = &outcome.failed {
            messages.iter().for_each(|line| eprintln!("{line}"));
            failed.push(advice(&name, input));
        }
        let seconds = start.elapsed().as_secs();
        let word = if outcome.failed.is_some() { "FAILED" } else { "ok" };
        table.push(format!(
            "{name:<10} {word:<6} {seconds:>6} s {:>10} {:>8} {:>9} {:>6} {:>8}",
            outcome.inputs, outcome.edges, outcome.features, outcome.kept, outcome.memory
        ));
    }
    say(format!("summary, seed {}", args.seed));
    eprintln!("    target     result     time     inputs    edges  features   kept  MiB most");
    table.iter().for_each(|line| eprintln!("    {line}"));
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}
