//! `honeyxdp report`, `compare`, `campaigns`: the program honeyxdp-report, which holds a query engine and so is one of its
//! own, found beside this one as git finds its commands.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::ErrorKind,
    os::unix::process::CommandExt as _,
    process::Command,
};

use anyhow::Context as _;

const PROGRAM: &str = "honeyxdp-report";

/// What is handed on as it is.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Args {
    /// Options of the command; --help explains them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// Becomes `honeyxdp-report COMMAND ARGS`.
pub(super) fn run(command: &str, args: &Args) -> anyhow::Result<()> {
    let this = env::current_exe().context("cannot find out where honeyxdp is")?;
    let program = this.with_file_name(PROGRAM);
    let error = Command::new(&program).arg(OsStr::new(command)).args(&args.args).exec();
    if error.kind() == ErrorKind::NotFound {
        anyhow::bail!(
            "`honeyxdp {command}` needs the program {PROGRAM}, and it is not in {}: build it by `cargo xtask report` and put it \
             there.",
            this.parent().unwrap_or(&this).display()
        );
    }
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}
