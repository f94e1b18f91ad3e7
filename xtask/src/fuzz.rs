//! `cargo xtask fuzz`: random inputs, by a seed, for code that reads what attackers send. A target has a file of its own.

mod labels;
mod responder;

use anyhow::Result;
use clap::Subcommand;

/// Try code that reads what attackers send on random inputs
///
/// Inputs come from crafted ones, changed by a seed: the same seed gives the same inputs. A short
/// run of each target is among the tests. What fails is printed with its number, its seed and its
/// bytes; make a test of it.
///
/// Examples:
///
///   cargo xtask fuzz labels
///   cargo xtask fuzz labels --inputs 10000000 --seed 7
///   cargo xtask fuzz responder --inputs 10000000
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    target: Target,
}

#[derive(Subcommand)]
enum Target {
    Labels(labels::Args),
    Responder(responder::Args),
}

pub(crate) fn main(args: &Args) -> Result<()> {
    match &args.target {
        Target::Labels(args) => labels::main(args),
        Target::Responder(args) => responder::main(args),
    }
}
