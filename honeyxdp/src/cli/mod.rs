//! Flags and subcommands. Each subcommand has a file that resolves its flags and does its work.

mod duration;
mod filters;
mod replay;
mod run;
mod snapshot;
mod sources;
mod top;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

/// Where the sensor's files lie when nothing else is said.
const DEFAULT_FOLDER: &str = "/var/lib/honeyxdp";

/// Counts who scans: fingerprints the TCP SYNs of IoT bots and scanning tools in the kernel, at line rate.
///
/// Every frame of an interface is read by an XDP program, gets exactly one disposition, and every SYN is counted by
/// destination port and by the family whose mark it carries (mirai, hajime, zmap, masscan, nmap ...). The counts are
/// written as JSON. Packets are never changed and never held up.
#[derive(Debug, Parser)]
#[command(
    name = "honeyxdp",
    bin_name = "honeyxdp",
    version,
    after_help = "Options also come from the environment where --help names a variable: HONEYXDP_INTERVAL=5s.\n\
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
    Run(run::Args),
    Replay(replay::Args),
    Snapshot(snapshot::Args),
    Top(top::Args),
}

/// Does what the command line says. Errors go to standard error, in one sentence.
pub fn main() -> ExitCode {
    let settings: Vec<OsString> = std::env::vars_os()
        .filter(|(name, value)| value.is_empty() && name.to_string_lossy().starts_with("HONEYXDP_"))
        .map(|(name, _)| name)
        .collect();
    for name in settings {
        // An empty line of an environment file means that nothing is set.
        // SAFETY: the process has no other thread yet.
        unsafe { std::env::remove_var(name) };
    }
    main_from(std::env::args_os())
}

/// Does what these arguments say; the first one is the name of the program.
pub fn main_from(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let result = match Cli::parse_from(args).command {
        Command::Run(args) => run::run(args),
        Command::Replay(args) => replay::replay(&args),
        Command::Snapshot(args) => snapshot::snapshot(&args),
        Command::Top(args) => top::top(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("honeyxdp: {error:#}");
            ExitCode::FAILURE
        }
    }
}
