//! `cargo xtask fuzz lint`: formatting and clippy of the targets.

use std::process::Command;

use anyhow::Result;

use super::program::build_command;
use crate::command::{cargo, output, run, say};

/// Look at the targets themselves: formatting and clippy
///
/// They are a workspace of their own. clippy is the compiler that builds them, upon the dependencies that are there: `cargo
/// clippy` would compile those once more.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn main(Args {}: &Args) -> Result<()> {
    const DRIVER: &str = "clippy-driver";
    if output(cargo().args(["fmt", "--version"])).is_ok() {
        run(cargo().args(["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]))?;
    } else {
        say("formatting is left out: there is no rustfmt (`rustup component add rustfmt`)");
    }
    if output(Command::new(DRIVER).arg("--version")).is_err() {
        say("clippy is left out: there is none (`rustup component add clippy`)");
        return Ok(());
    }
    // As `cargo clippy` calls it.
    run(build_command(&[])?.env("RUSTC_WORKSPACE_WRAPPER", DRIVER).env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__"))
}
