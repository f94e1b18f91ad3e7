//! Room on the disk, looked at before an hour of building and not when it is over.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::command::{output, target};

/// Checks that the target directory can grow to this size, in GiB.
pub(crate) fn check(takes: u64) -> Result<String> {
    let directory = target();
    fs::create_dir_all(&directory).with_context(|| format!("{} cannot be made.", directory.display()))?;
    let kibibytes = |command: &mut Command, line: usize, column: usize| -> Result<u64> {
        let text = output(command.arg(&directory))?;
        let word = text.lines().nth(line).and_then(|line| line.split_whitespace().nth(column));
        Ok(word.context("The disk does not say how full it is.")?.parse()?)
    };
    let free = kibibytes(Command::new("df").args(["-k", "-P"]), 1, 3)? >> 20;
    let there = kibibytes(Command::new("du").args(["-k", "-s"]), 0, 0)? >> 20;
    ensure!(
        free + there >= takes,
        "{} has {free} GiB left and holds {there}, and building and testing everything takes {takes}: make room, or set CARGO_TARGET_DIR.",
        directory.display()
    );
    Ok(format!("{free} GiB, beside {there} that are built"))
}
