//! Manual pages and shell completions, made from the command line itself.

use std::{fs, path::Path};

use anyhow::Context as _;
use clap_complete::Shell;

/// Writes `honeyxdp.1`, a page for each subcommand, and `completions/`.
///
/// # Errors
/// When the directory cannot be written.
pub fn write(directory: &Path) -> anyhow::Result<()> {
    let completions = directory.join("completions");
    fs::create_dir_all(&completions).with_context(|| format!("cannot make {}", completions.display()))?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut honeyxdp::cli::command(), "honeyxdp", &completions)?;
    }
    clap_mangen::generate_to(honeyxdp::cli::command(), directory)
        .with_context(|| format!("cannot write manual pages to {}", directory.display()))
}
