//! The toolchain from rustup: a pinned nightly with the sources of its core.
//!
//! bpf-linker's README recommends its released binaries for rustup's compilers, because a build needs the LLVM of the
//! compiler. A nightly brings that as a shared library, so it is built against this one, and nothing depends on which
//! LLVM a release happened to have.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::toolchain::Compiler;
use crate::command::{find, output, say, shown};

/// The nightly. Its LLVM is one that bpf-linker can be linked with.
pub(crate) const NIGHTLY: &str = "nightly-2026-05-19";

pub(crate) fn set_up(directory: &Path) -> Result<Compiler> {
    ensure!(find("rustup").is_some(), "there is no rustup; https://rustup.rs has it.");
    // Not among the user's own toolchains, so that nothing of it stays when the directory goes.
    let home = directory.join("home");
    let mut install = Command::new("rustup");
    install
        .args(["toolchain", "install", NIGHTLY, "--profile", "minimal", "--component", "rust-src", "--no-self-update"])
        .env("RUSTUP_HOME", &home)
        .env_remove("RUSTUP_TOOLCHAIN");
    say(shown(&install));
    output(&mut install)?;

    let toolchains = home.join("toolchains");
    let sysroot = first_entry(&toolchains, |name| name.starts_with(NIGHTLY))?;
    let libraries = sysroot.join("lib");
    let llvm = first_entry(&libraries, |name| name.starts_with("libLLVM.so."))?;
    let bin = sysroot.join("bin");
    Ok(Compiler {
        cargo: bin.join("cargo"),
        rustc: bin.join("rustc"),
        libraries,
        llvm,
        packages: std::collections::BTreeMap::new(),
    })
}

/// The first entry of the directory whose name fits.
pub(crate) fn first_entry(directory: &Path, fits: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let entries = fs::read_dir(directory).with_context(|| format!("{} could not be read.", directory.display()))?;
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| fits(&name.to_string_lossy())))
        .collect();
    found.sort();
    let names = || format!("{} lacks a part of the toolchain.", directory.display());
    found.into_iter().next().with_context(names)
}
