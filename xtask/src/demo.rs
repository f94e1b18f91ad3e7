//! `cargo xtask demo`: honeyxdp at work, without a network and without an attacker.

use std::ffi::OsString;

use anyhow::Result;

use crate::{
    command::{become_as_root, build_release},
    leftovers,
};

/// Show honeyxdp at work: scans inside network namespaces of its own, and what honeyxdp makes of them
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Arguments for the demo; `cargo xtask demo -- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn main(args: Args) -> Result<()> {
    leftovers::remove()?;
    become_as_root(&build_release("honeyxdp-tests", "demo")?, &args.args)
}
