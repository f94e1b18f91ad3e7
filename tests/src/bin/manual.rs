//! Writes manual pages and shell completions to a directory, for `cargo xtask dist`.

use std::path::PathBuf;

use clap::Parser as _;

/// Write manual pages and shell completions
#[derive(clap::Parser)]
struct Args {
    /// Directory for them
    directory: PathBuf,
}

fn main() -> anyhow::Result<()> {
    lab::manual::write(&Args::parse().directory)
}
