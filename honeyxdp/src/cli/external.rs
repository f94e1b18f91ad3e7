//! Commands that programs beside this one do: honeyxdp-report and honeyxdp-fleet.

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt as _,
    process::Command,
};

use anyhow::Context as _;

use crate::external::{FLEET, REPORT, command};

/// What is handed on as it is.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Args {
    /// Options of the command; --help explains them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// Becomes `honeyxdp-report COMMAND ARGS`.
pub(super) fn report(command: &str, args: &Args) -> anyhow::Result<()> {
    become_it(crate::external::command(REPORT, command)?.arg(OsStr::new(command)).args(&args.args))
}

/// Becomes `honeyxdp-fleet ARGS`.
pub(super) fn fleet(args: &Args) -> anyhow::Result<()> {
    become_it(command(FLEET, "fleet")?.args(&args.args))
}

fn become_it(command: &mut Command) -> anyhow::Result<()> {
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))
}
