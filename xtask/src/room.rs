//! Room on the disk, looked at before an hour of building and not when it is over.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::command::{output, target};

/// GiB that cargo's target directory takes when everything is built and tested, and some more.
const TAKES: u64 = 20;

/// Looks whether a build of everything fits, with what of it is there.
pub(crate) fn check() -> Result<String> {
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
        free + there >= TAKES,
        "{} has {free} GiB left and holds {there}, and building and testing everything takes {TAKES}: make room, or set CARGO_TARGET_DIR.",
        directory.display()
    );
    Ok(format!("{free} GiB, beside {there} that are built"))
}
