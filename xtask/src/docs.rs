//! `cargo xtask docs`: writes the parts of the documentation that come out of the program.

use anyhow::Result;

use crate::command::{cargo, run};

/// Write the generated parts of the documentation anew
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn main(_: &Args) -> Result<()> {
    run(cargo().args(["run", "--locked", "--package", "honeyxdp-tests", "--bin", "docs"]))
}
