//! `cargo xtask fuzz`: inputs that nobody thought of, for code that reads what others wrote.

mod all;
mod frames;
mod outcome;
mod program;
mod responder;
mod signature_times;
mod target;

use anyhow::Result;
use clap::Subcommand;

use crate::command::{cargo, run};

/// Try inputs that nobody thought of on code that reads what others wrote
///
/// Most targets are programs of cargo-fuzz (fuzz/fuzz_targets): libFuzzer begins with the named
/// seeds in fuzz/seeds, changes them, and keeps what reaches code that nothing reached before. Each
/// asserts what must hold for any input. cargo-fuzz is installed in target/tools; no nightly
/// compiler is needed. docs/develop/testing.md says what is asserted, and how to add a target.
///
/// `frames` and `responder` put frames through the program in the kernel, so they need root.
///
/// Examples:
///
///   cargo xtask fuzz all                       every target for 20 seconds, a table at the end
///   cargo xtask fuzz capture --seconds 3600 --corpus ~/captures
///   cargo xtask fuzz rules --runs 1000000 --seed 7
///   cargo xtask fuzz rules --input crash-0123  one input alone
///   cargo xtask fuzz frames --inputs 100000000 --seed 1
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
    All(all::Args),
    /// Frames on the host: dissection and marks, held against another parser, cut anywhere, with and without tags
    Frame(target::Args),
    /// Capture files, pcap and pcapng, plain and packed
    Capture(target::Args),
    /// Files of prefixes, and the sets that they make
    Prefixes(target::Args),
    /// Lists of devices that other people wrote, as `honeyxdp compare` reads them
    Lists(target::Args),
    /// Payloads, and what their labels say
    Signatures(target::Args),
    /// Files of rules, as contrib/signatures.toml
    Rules(target::Args),
    /// Files of settings, as contrib/honeyxdp.toml
    Config(target::Args),
    /// Requests on the control socket
    Control(target::Args),
    Frames(frames::Args),
    Responder(responder::Args),
    SignatureTimes(signature_times::Args),
}

/// Every target of cargo-fuzz, for `cargo xtask test --long`.
pub(crate) fn all(seconds: u64, seed: u64) -> Result<()> {
    all::main(&all::Args::new(seconds, seed))
}

pub(crate) fn main(args: Args) -> Result<()> {
    match args.target {
        Target::All(args) => all::main(&args),
        Target::Frame(args) => target::main("frame", &args),
        Target::Capture(args) => target::main("capture", &args),
        Target::Prefixes(args) => target::main("prefixes", &args),
        Target::Lists(args) => target::main("lists", &args),
        Target::Signatures(args) => target::main("signatures", &args),
        Target::Rules(args) => target::main("rules", &args),
        Target::Config(args) => target::main("config", &args),
        Target::Control(args) => target::main("control", &args),
        Target::Frames(args) => frames::main(&args),
        Target::Responder(args) => responder::main(&args),
        Target::SignatureTimes(args) => signature_times::main(&args),
    }
}
