//! `cargo xtask year`: a synthetic archive whose truth is known.

use std::{ffi::OsString, process::Command};

use anyhow::Result;

use crate::{
    command::{build, replace_by},
    report::PROFILE,
};

/// Make a synthetic archive of the year 2019 whose truth is known
///
/// `cargo xtask year -- --help` explains its options: --out DIR, --rows N, --scale SHARE, --seed N, --years N,
/// --days N.
/// Example: `cargo xtask year --out /tmp/year --rows 1000000`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn main(args: Args) -> Result<()> {
    let mut command = Command::new(build(PROFILE, "honeyxdp-year", "honeyxdp-year")?);
    command.args(args.args);
    replace_by(command)
}
