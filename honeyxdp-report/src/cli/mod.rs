//! Flags and subcommands. Each subcommand has a file that resolves its flags and does its work.

mod campaigns;
mod cluster;
mod compare;
mod report;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

/// Asks an archive of honeyxdp: the observation report, leaked lists against what was seen, surveys.
#[derive(Debug, Parser)]
#[command(
    name = "honeyxdp-report",
    bin_name = "honeyxdp-report",
    version,
    after_help = "Options also come from the environment where --help names a variable: HONEYXDP_ARCHIVE=DIR.\n\
                  `honeyxdp report`, `compare`, `campaigns` and `cluster` call this program.\n\
                  Exit status: 0 done, 1 failed, 2 wrong usage.",
    propagate_version = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Report(Box<report::Args>),
    Compare(compare::Args),
    Campaigns(campaigns::Args),
    Cluster(cluster::Args),
}

/// The command line as clap has it, for manual pages and completions.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Does what the command line says. Errors go to standard error, in one sentence.
pub fn main() -> ExitCode {
    honeyxdp_cli::main(main_from)
}

/// Does what these arguments say; the first one is the name of the program.
pub fn main_from(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let result = match Cli::parse_from(args).command {
        Command::Report(args) => report::report(*args),
        Command::Compare(args) => compare::compare(&args),
        Command::Campaigns(args) => campaigns::campaigns(&args),
        Command::Cluster(args) => cluster::cluster(args),
    };
    honeyxdp_cli::finish("honeyxdp-report", result)
}
