//! The programs of the targets: cargo-fuzz, what it builds, and the seeds.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    clippy::linted,
    command::{cargo, output, repository, run, target},
    programs::{self, Program},
    tools::Tool,
};

/// The version of cargo-fuzz that the targets are built with.
const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

/// What libFuzzer, which is C++, is compiled with.
const PROGRAMS: &[Program] = &[("c++", "g++")];

/// Seeds that are made from the tests' named frames, and not kept twice.
const MADE: &str = "frame";

/// Everything that fuzzing builds and finds.
pub(super) fn directory() -> PathBuf {
    target().join("fuzz")
}

/// Names of all targets.
///
/// # Errors
/// When the repository has none.
pub(super) fn names() -> Result<Vec<String>> {
    let directory = repository().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&directory).with_context(|| format!("{} cannot be read.", directory.display()))?;
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = entries.filter_map(|entry| stem(entry.ok()?.path())).collect();
    names.sort();
    ensure!(!names.is_empty(), "There is no target in {}.", directory.display());
    Ok(names)
}

/// cargo-fuzz, to build these targets, or all if none is named.
///
/// Without a sanitizer: the sanitizers are for unsafe code, of which the targets reach none of ours, and need a nightly compiler.
/// As a development build: overflow and debug assertions are checked, and it is built in half the time.
///
/// # Errors
/// When a compiler for C++ or cargo-fuzz cannot be installed.
fn build_command(names: &[&str]) -> Result<Command> {
    programs::install("The fuzz targets", PROGRAMS)?;
    let tools = CARGO_FUZZ.program()?.parent().context("cargo-fuzz lies in no directory.")?.to_owned();
    let mut build = cargo();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = [tools].into_iter().chain(env::split_paths(&path));
    build.env("PATH", env::join_paths(path).context("The path of the repository has a colon.")?);
    build.args(["fuzz", "build", "--dev", "--sanitizer", "none", "--target-dir"]).arg(directory()).args(names);
    Ok(build)
}

/// Builds one target, or all, by clippy where it is there, and says where the programs are.
///
/// # Errors
/// When they cannot be built.
pub(super) fn build(names: &[&str]) -> Result<PathBuf> {
    run(linted(&mut build_command(names)?))?;
    let version = output(cargo().args(["--version", "--verbose"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("cargo does not say its host.")?;
    Ok(directory().join(host).join("debug"))
}

/// The directory with the seeds of a target.
///
/// # Errors
/// When there are none, or they cannot be made.
pub(super) fn seeds(name: &str) -> Result<PathBuf> {
    if name != MADE {
        let directory = repository().join("fuzz/seeds").join(name);
        ensure!(directory.is_dir(), "Give the target {name} seeds: files in {}.", directory.display());
        return Ok(directory);
    }
    let directory = directory().join("seeds").join(name);
    renew(&directory)?;
    let mut make = cargo();
    make.args(["run", "--quiet", "--package", "honeyxdp-frames", "--bin", "frame-seeds", "--"]);
    run(make.arg(&directory))?;
    Ok(directory)
}

/// An empty directory.
fn renew(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory).with_context(|| format!("{} cannot be made.", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds_and_a_command() {
        let manifest = fs::read_to_string(repository().join("fuzz/Cargo.toml")).unwrap();
        let command = <crate::Cli as clap::CommandFactory>::command();
        let fuzz = command.find_subcommand("fuzz").unwrap();
        for name in names().unwrap() {
            assert!(
                manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
                "{name} is not in fuzz/Cargo.toml"
            );
            assert!(fuzz.find_subcommand(&name).is_some(), "`cargo xtask fuzz {name}` is missing");
            let seeds = repository().join("fuzz/seeds").join(&name);
            let files = fs::read_dir(&seeds).map_or(0, Iterator::count);
            assert!(name == MADE || files > 2, "{name} has {files} seeds");
        }
    }
}
