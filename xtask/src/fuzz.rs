//! `cargo xtask fuzz`: random inputs, by a seed, for code that reads what attackers send. A target has a file of its own.

mod labels;
mod responder;

use anyhow::Result;
use clap::Subcommand;

use crate::command::{cargo, run};

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

/// How long a run is, and which inputs it has.
#[derive(clap::Args)]
struct Inputs {
    /// Inputs
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    inputs: u64,
    /// Seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl Inputs {
    /// Runs the test of a package that takes them.
    fn run(&self, package: &str, file: &str, test: &str) -> Result<()> {
        let mut command = cargo();
        command.env("HONEYXDP_INPUTS", self.inputs.to_string()).env("HONEYXDP_SEED", self.seed.to_string());
        command.args(["test", "--locked", "--release", "--package", package, "--test", file]);
        run(command.args(["--", "--exact", "--nocapture", test]))
    }
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
