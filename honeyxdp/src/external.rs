//! Programs installed beside this one, found as git finds its commands: honeyxdp-report has the query engine, honeyxdp-fleet
//! the client of object storage.

use std::{env, process::Command};

use anyhow::{Context as _, bail};

/// The program that has a query engine.
pub(crate) const REPORT: &str = "honeyxdp-report";
/// The program that talks to object storage.
pub(crate) const FLEET: &str = "honeyxdp-fleet";

/// A command that starts one of them; `honeyxdp WHAT` needs it.
pub(crate) fn command(program: &str, what: &str) -> anyhow::Result<Command> {
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

/// Whether a program is installed beside this one.
pub(crate) fn is_installed(program: &str) -> bool {
    env::current_exe().is_ok_and(|this| this.with_file_name(program).exists())
}
