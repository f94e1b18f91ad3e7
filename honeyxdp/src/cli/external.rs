//! Commands that programs beside this one do: honeyxdp-report and honeyxdp-fleet.

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt as _,
    process::Command,
};

use anyhow::Context as _;

use super::snapshot::print;
use crate::external::{FLEET, REPORT, command, is_installed};

/// Arguments that are handed on unchanged.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Args {
    /// Options of the command; --help explains them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// Becomes `honeyxdp-report COMMAND ARGS`.
pub(super) fn report(name: &str, args: &Args, this: &clap::Command) -> anyhow::Result<()> {
    if let Some(help) = args.help(REPORT, name, this) {
        return print(&help);
    }
    become_it(command(REPORT, name)?.arg(OsStr::new(name)).args(&args.args))
}

/// Becomes `honeyxdp-fleet ARGS`.
pub(super) fn fleet(args: &Args, this: &clap::Command) -> anyhow::Result<()> {
    if let Some(help) = args.help(FLEET, "fleet", this) {
        return print(&help);
    }
    become_it(command(FLEET, "fleet")?.args(&args.args))
}

impl Args {
    /// The help that this program has of a command, if help is asked for and the command's own program is missing.
    fn help(&self, program: &str, name: &str, this: &clap::Command) -> Option<String> {
        if !self.args.iter().any(|arg| arg == "--help" || arg == "-h") || is_installed(program) {
            return None;
        }
        let help = this.clone().find_subcommand_mut(name)?.render_long_help().to_string();
        let task = program.trim_start_matches("honeyxdp-");
        Some(format!(
            "{}\n\nThe program {program} does this, and has the list of options. It is not installed beside honeyxdp: build it by \
             `cargo xtask {task}`.",
            help.trim_end()
        ))
    }
}

fn become_it(command: &mut Command) -> anyhow::Result<()> {
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))
}
