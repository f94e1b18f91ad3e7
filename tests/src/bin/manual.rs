//! Writes manual pages and shell completions to a folder, for `cargo xtask dist`.

use std::path::PathBuf;

use clap::Parser as _;

/// Write manual pages and shell completions
#[derive(clap::Parser)]
struct Args {
    /// Folder for them
    folder: PathBuf,
}

fn main() -> anyhow::Result<()> {
    lab::manual::write(&Args::parse().folder)
}
