//! Flags and subcommands. Each subcommand has a file that resolves its flags and does its work.

mod export;
mod fetch;
mod status;
mod upload;

use std::{
    ffi::OsString,
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, ensure};
use clap::{Parser, Subcommand};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use tokio::runtime::Runtime;

/// Looks after archives of many sensors.
#[derive(Debug, Parser)]
#[command(
    name = "honeyxdp-fleet",
    bin_name = "honeyxdp-fleet",
    version,
    after_help = "Options also come from the environment where --help names a variable: HONEYXDP_ARCHIVE=s3://bucket/prefix.\n\
                  `honeyxdp fleet` calls this program.\n\
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
    Upload(upload::Args),
    Fetch(fetch::Args),
    Status(status::Args),
    Export(Box<export::Args>),
    Key(export::KeyArgs),
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
    let result: anyhow::Result<()> = match Cli::parse_from(args).command {
        Command::Upload(args) => upload::upload(&args),
        Command::Fetch(args) => fetch::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Key(args) => export::make_key(&args),
    };
    honeyxdp_cli::finish("honeyxdp-fleet", result)
}

/// A line on standard error. Whoever read it may be gone, and that ends nothing.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "honeyxdp-fleet: {text}");
}

/// What is done of something, on the last line of a terminal.
fn progress(what: &str, done: u64, of: u64) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() && of > 1 {
        let end = if done == of { "\r\x1b[K" } else { "" };
        // A terminal that went away is no reason to stop.
        let _ = write!(terminal, "\r{what} {done} of {of} ...{end}");
    }
}

/// Reads a length of time: days have 24 hours.
fn duration(text: &str) -> anyhow::Result<SignedDuration> {
    let span: Span = text.parse().ok().context("write it as 2d or 12h")?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours())?;
    ensure!(!duration.is_negative(), "it is not less than nothing");
    Ok(duration)
}

fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start Tokio")
}
