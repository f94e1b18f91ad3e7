//! Programs beside this one, found as git finds its commands: honeyxdp-report, which holds a query engine, for `honeyxdp report`,
//! `compare`, `campaigns` and `cluster`, and honeyxdp-fleet, which talks to object storage, for `honeyxdp fleet`.

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt as _,
    process::Command,
};

use anyhow::{Context as _, bail};

/// The program that has a query engine.
pub(super) const REPORT: &str = "honeyxdp-report";
/// The program that talks to object storage.
pub(super) const FLEET: &str = "honeyxdp-fleet";

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
    become_it(self::command(REPORT, command)?.arg(OsStr::new(command)).args(&args.args))
}

/// Becomes `honeyxdp-fleet ARGS`.
pub(super) fn fleet(args: &Args) -> anyhow::Result<()> {
    become_it(command(FLEET, "fleet")?.args(&args.args))
}

/// A command that starts one of them; `honeyxdp WHAT` needs it.
pub(super) fn command(program: &str, what: &str) -> anyhow::Result<Command> {
    let this = env::current_exe().context("cannot find out where honeyxdp is")?;
    let path = this.with_file_name(program);
    if !path.exists() {
        let task = program.trim_start_matches("honeyxdp-");
        bail!(
            "`honeyxdp {what}` needs the program {program}, and it is not in {}: build it by `cargo xtask {task}` and put it \
             there.",
            this.parent().unwrap_or(&this).display()
        );
    }
    Ok(Command::new(path))
}

fn become_it(command: &mut Command) -> anyhow::Result<()> {
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))
}
