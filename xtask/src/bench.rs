//! `cargo xtask bench`: what a packet and a drain cost on this machine.

use std::ffi::OsString;

use anyhow::Result;

use crate::command::{become_as_root, build_release};

/// Measure what honeyxdp costs on this machine
///
/// Example: `cargo xtask bench drain`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The measurement and its arguments; `cargo xtask bench -- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn main(args: Args) -> Result<()> {
    become_as_root(&build_release("honeyxdp-tests", "bench")?, &args.args)
}
