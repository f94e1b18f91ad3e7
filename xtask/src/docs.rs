//! `cargo xtask docs`: writes the generated parts of the documentation.

use anyhow::Result;

use crate::{
    command::{announce, cargo, run},
    lab,
};

/// Write the generated parts of the documentation
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn main(_: &Args) -> Result<()> {
    announce("the lab", "3 minutes", "2 GB");
    run(cargo().args(["run", "--locked", "--no-default-features", "--package", lab::PACKAGE, "--bin", "lab", "docs"]))
}
