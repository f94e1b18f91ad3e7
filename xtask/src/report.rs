//! `cargo xtask report`: the report's program, which is built only when it is asked for: its query engine takes minutes.

use std::{ffi::OsString, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::command::{announce, build, replace_by, target};

/// The profile of the report: the query engine at full speed, without linking all of it anew with every change. See Cargo.toml.
pub(crate) const PROFILE: &str = "reporting";

/// The program.
pub(crate) const PROGRAM: &str = "honeyxdp-report";

/// Build honeyxdp-report and make a report, or compare lists, or find campaigns
///
/// The first build takes minutes: there is a query engine in it. Then `honeyxdp report` of a
/// release build finds it, too. Without arguments it only builds.
///
/// Examples:
///
///   cargo xtask report -- --archive DIR --period 2019 --home JP --out report
///   cargo xtask report -- compare LIST --archive DIR
///   cargo xtask report -- --help
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Options of `honeyxdp report`, or another command with its arguments, after `--`
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn main(args: Args) -> Result<()> {
    let program = build_beside_honeyxdp()?;
    if args.args.is_empty() {
        println!("{}", program.display());
        return Ok(());
    }
    let mut command = Command::new(program);
    if args.args[0].as_encoded_bytes().starts_with(b"-") {
        command.arg("report");
    }
    command.args(args.args);
    replace_by(command)
}

/// Builds it and puts it where `honeyxdp report` looks for it.
pub(crate) fn build_beside_honeyxdp() -> Result<PathBuf> {
    announce("honeyxdp-report with its query engine", "20 minutes", "3 GB");
    let program = build(PROFILE, PROGRAM, PROGRAM)?;
    let directory = target().join("release");
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let place = directory.join(PROGRAM);
    let beside = directory.join(format!(".{PROGRAM}.tmp"));
    fs::copy(&program, &beside)
        .and_then(|_| fs::rename(&beside, &place))
        .with_context(|| format!("cannot write {}", place.display()))?;
    Ok(place)
}
