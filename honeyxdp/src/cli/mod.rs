//! Flags and subcommands. Each subcommand has a file that resolves its flags and does its work.

mod archive;
mod config;
mod detach;
mod doctor;
mod duration;
mod external;
mod filter;
mod fingerprints;
mod import;
mod logs;
mod payloads;
mod reload;
mod replay;
mod run;
mod signatures;
mod snapshot;
mod sources;
mod status;
mod top;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{
    config::{Error, Faults, Key, Settings},
    logging,
};

/// Where the sensor's files lie when nothing else is said.
const DEFAULT_DIRECTORY: &str = "/var/lib/honeyxdp";
/// Exit status for a command line or a file that is wrong.
const WRONG_USAGE: u8 = 2;

/// Counts who scans: fingerprints the TCP SYNs of IoT bots and scanning tools in the kernel, at line rate.
///
/// An XDP program reads every frame of an interface and assigns exactly one disposition. It counts SYNs by destination port and by
/// family (mirai, hajime, zmap, masscan, nmap ...). The counts are written as JSON. Frames pass unchanged, unless `--verdict drop`
/// drops counted SYNs or `--respond` answers them.
#[derive(Debug, Parser)]
#[command(
    name = "honeyxdp",
    bin_name = "honeyxdp",
    version = crate::snapshot::VERSION,
    after_help = "Options also come from the environment where --help names a variable: HONEYXDP_INTERVAL=5s,\n\
                  and those of `run` from a file: see `honeyxdp config --help`.\n\
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
    Run(Box<run::Args>),
    Replay(Box<replay::Args>),
    Snapshot(snapshot::Args),
    Top(top::Args),
    Status(status::Args),
    Filter(filter::Args),
    Detach(detach::Args),
    Archive(archive::Args),
    Fingerprints(fingerprints::Args),
    Signatures(signatures::Args),
    Import(import::Args),
    Config(config::Args),
    Doctor(doctor::Args),
    /// Write the observation report of a period, from an archive
    #[command(
        after_help = "Examples:\n  honeyxdp report --archive /srv/honeyxdp/archive --out report --period 2024-01\n  \
                            honeyxdp report --archive s3://bucket/prefix --out report --lang ja"
    )]
    Report(external::Args),
    /// Compare leaked lists of devices with the sources in an archive
    #[command(after_help = "Example:\n  honeyxdp compare leaked.txt --archive /srv/honeyxdp/archive --period 2024")]
    Compare(external::Args),
    /// Find surveys and campaigns in an archive
    #[command(after_help = "Example:\n  honeyxdp campaigns --archive /srv/honeyxdp/archive --period 2024-01")]
    Campaigns(external::Args),
    /// Run the query engine of reports on several machines
    Cluster(external::Args),
    /// Upload, fetch and export the archives of many sensors
    #[command(
        after_help = "Examples:\n  honeyxdp fleet upload /var/lib/honeyxdp/archive s3://bucket/prefix --once\n  \
                            honeyxdp fleet status s3://bucket/prefix"
    )]
    Fleet(external::Args),
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
    let (cli, settings) = match parse(args.into_iter().collect()) {
        Ok(parsed) => parsed,
        Err(Error::Usage(error)) => error.exit(),
        Err(Error::File(error)) => {
            error.lines().for_each(|line| eprintln!("honeyxdp: {line}"));
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let result = match cli.command {
        Command::Run(args) => run::run(*args, settings),
        Command::Replay(args) => replay::replay(&args),
        Command::Snapshot(args) => snapshot::snapshot(&args),
        Command::Top(args) => top::top(&args),
        Command::Status(args) => status::status(&args),
        Command::Filter(args) => filter::filter(args),
        Command::Detach(args) => detach::detach(&args),
        Command::Archive(args) => archive::archive(&args),
        Command::Fingerprints(args) => fingerprints::fingerprints(&args),
        Command::Signatures(args) => signatures::signatures(&args),
        Command::Import(args) => import::import(&args),
        Command::Config(args) => config::config(args, settings),
        Command::Doctor(args) => doctor::doctor(args),
        Command::Report(args) => external::report("report", &args, &Cli::command()),
        Command::Compare(args) => external::report("compare", &args, &Cli::command()),
        Command::Campaigns(args) => external::report("campaigns", &args, &Cli::command()),
        Command::Cluster(args) => external::report("cluster", &args, &Cli::command()),
        Command::Fleet(args) => external::fleet(&args, &Cli::command()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logging::failed(&error);
            let wrong_usage = error.downcast_ref::<Faults>().is_some_and(Faults::is_wrong_usage);
            if wrong_usage { ExitCode::from(WRONG_USAGE) } else { ExitCode::FAILURE }
        }
    }
}

/// What can be set of `honeyxdp run`, for the documents.
pub fn settings() -> Vec<Key> {
    crate::config::keys(&config::run_command())
}

fn parse(args: Vec<OsString>) -> Result<(Cli, Option<Settings>), Error> {
    let (matches, settings) = crate::config::parse(&Cli::command(), args)?;
    Ok((Cli::from_arg_matches(&matches)?, settings))
}
