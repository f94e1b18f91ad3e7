//! `cargo xtask fleet`: the program for archives of many sensors, which is built only when it is asked for.

use std::{ffi::OsString, process::Command};

use anyhow::Result;

use crate::command::{build_release, replace_by};

/// Build honeyxdp-fleet and run it
///
/// Then `honeyxdp fleet` of a release build finds it, too. Without arguments it only builds.
///
/// Examples:
///
///   cargo xtask fleet -- status s3://bucket/prefix
///   cargo xtask fleet -- --help
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// A command of `honeyxdp fleet` with its arguments, after `--`
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn main(args: Args) -> Result<()> {
    let program = build_release("honeyxdp-fleet", "honeyxdp-fleet")?;
    if args.args.is_empty() {
        println!("{}", program.display());
        return Ok(());
    }
    let mut command = Command::new(program);
    command.args(args.args);
    replace_by(command)
}
