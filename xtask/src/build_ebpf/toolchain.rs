//! A compiler with the sources of its own core, and a bpf-linker that reads its bitcode.
//!
//! Each route has a directory of its own below the toolchain's directory. What is in there counts only if the stamp is there,
//! which is written last: an interrupted set-up is begun again.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};

use super::{Route, debian, manifest::Identity, rustup};
use crate::command::{self, cargo_program, output, say};

/// The version of bpf-linker.
const LINKER: &str = "0.13.0";

/// The LLVMs that this version can be linked with.
const LINKER_LLVMS: &[u32] = &[21, 22, 23];

/// Counted up when the set-up below changes, so that old directories are made anew.
const RECIPE: u32 = 1;

#[derive(Serialize, Deserialize)]
pub(crate) struct Toolchain {
    pub(crate) identity: Identity,
    pub(crate) cargo: PathBuf,
    pub(crate) rustc: PathBuf,
    /// Directory that holds the compiler and the sources of core.
    pub(crate) sysroot: PathBuf,
    /// Directory of the shared libraries of compiler and linker.
    pub(crate) libraries: PathBuf,
    pub(crate) linker: PathBuf,
}

/// A compiler, as a route brings it.
pub(crate) struct Compiler {
    pub(crate) cargo: PathBuf,
    pub(crate) rustc: PathBuf,
    pub(crate) libraries: PathBuf,
    /// LLVM's shared library.
    pub(crate) llvm: PathBuf,
    pub(crate) packages: std::collections::BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Stamp {
    /// What has been set up, and how.
    recipe: String,
    toolchain: Toolchain,
}

/// The toolchain of the first route that works.
pub(crate) fn get(routes: &[Route], directory: &Path) -> Result<Toolchain> {
    let mut failures = Vec::new();
    for (index, &route) in routes.iter().enumerate() {
        match get_by(route, directory) {
            Ok(toolchain) => return Ok(toolchain),
            Err(error) if index + 1 < routes.len() => {
                say(format!("the {} route does not work here, so on to the next one: {error:#}", name(route)));
                failures.push(format!("{}: {error:#}", name(route)));
            }
            Err(error) if failures.is_empty() => return Err(error),
            Err(error) => {
                return Err(anyhow!(
                    "There is no toolchain for the eBPF program. {} {}: {error:#}",
                    failures.join(" "),
                    name(route)
                ));
            }
        }
    }
    unreachable!("there is always a route to try")
}

fn name(route: Route) -> &'static str {
    match route {
        Route::Debian => "debian",
        Route::Auto | Route::Rustup => "rustup",
    }
}

fn get_by(route: Route, parent: &Path) -> Result<Toolchain> {
    let directory = parent.join(name(route));
    let recipe = format!("{RECIPE}, bpf-linker {LINKER}, nightly {}", rustup::NIGHTLY);
    let stamp = directory.join("stamp.json");
    if let Some(toolchain) = finished(&stamp, &recipe) {
        say(format!("toolchain: {} (rustc {})", directory.display(), toolchain.identity.rustc));
        return Ok(toolchain);
    }
    if directory.exists() {
        say(format!("{} is unfinished or old, so it is made anew", directory.display()));
        fs::remove_dir_all(&directory).with_context(|| format!("{} could not be removed.", directory.display()))?;
    }
    say(format!("setting up a toolchain in {}, by {}", directory.display(), name(route)));
    fs::create_dir_all(&directory).with_context(|| format!("{} could not be made.", directory.display()))?;
    let compiler = match route {
        Route::Debian => debian::set_up(&directory)?,
        Route::Auto | Route::Rustup => rustup::set_up(&directory)?,
    };
    let toolchain = complete(route, compiler, &directory)?;
    let text = serde_json::to_vec_pretty(&Stamp { recipe, toolchain })?;
    super::write(&stamp, &text)?;
    finished(&stamp, &format!("{RECIPE}, bpf-linker {LINKER}, nightly {}", rustup::NIGHTLY))
        .with_context(|| format!("The toolchain in {} does not start.", directory.display()))
}

/// The toolchain of a finished set-up that still works and is still asked by the same cargo.
fn finished(stamp: &Path, recipe: &str) -> Option<Toolchain> {
    let stamp: Stamp = serde_json::from_slice(&fs::read(stamp).ok()?).ok()?;
    let mut toolchain = stamp.toolchain;
    let starts = |program: &Path| {
        output(Command::new(program).arg("--version").env("LD_LIBRARY_PATH", &toolchain.libraries)).is_ok()
    };
    if stamp.recipe != recipe || !starts(&toolchain.rustc) || !starts(&toolchain.linker) {
        return None;
    }
    // Debian's route goes with the cargo of the moment.
    if toolchain.identity.route == "debian" {
        toolchain.cargo = cargo_program().into();
        toolchain.identity.cargo = cargo_version(&toolchain.cargo).ok()?;
    }
    Some(toolchain)
}

/// Adds a bpf-linker to the compiler, and says what they are.
fn complete(route: Route, compiler: Compiler, directory: &Path) -> Result<Toolchain> {
    let Compiler { cargo, rustc, libraries, llvm, packages } = compiler;
    let verbose = output(Command::new(&rustc).arg("-vV").env("LD_LIBRARY_PATH", &libraries))?;
    let field = |name: &str| {
        let value = verbose.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.map(str::to_owned).with_context(|| format!("`rustc -vV` does not say its {name}."))
    };
    let version = field("LLVM version")?;
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default();
    ensure!(
        LINKER_LLVMS.contains(&major),
        "The compiler has LLVM {version}, and bpf-linker {LINKER} goes with {LINKER_LLVMS:?}: take a newer bpf-linker in \
         xtask's toolchain.rs."
    );
    let sysroot = output(Command::new(&rustc).args(["--print", "sysroot"]).env("LD_LIBRARY_PATH", &libraries))?;
    let linker = install_linker(major, &llvm, &libraries, directory)?;
    let identity = Identity {
        route: name(route).to_owned(),
        host: field("host")?,
        rustc: field("release")?,
        rustc_commit: field("commit-hash")?,
        llvm: version,
        cargo: cargo_version(&cargo)?,
        bpf_linker: LINKER.to_owned(),
        packages,
    };
    Ok(Toolchain { identity, cargo, rustc, sysroot: sysroot.trim().into(), libraries, linker })
}

/// Builds bpf-linker against the very LLVM of the compiler, so that it reads its bitcode for certain.
fn install_linker(major: u32, llvm: &Path, libraries: &Path, directory: &Path) -> Result<PathBuf> {
    // bpf-linker's build script looks for PREFIX/lib/libLLVM.so. LLVM's own -dev packages have nothing else that it needs.
    let prefix = directory.join("llvm");
    fs::create_dir_all(prefix.join("lib"))?;
    symlink(llvm, prefix.join("lib/libLLVM.so")).context("LLVM's library could not be linked to.")?;
    let mut install = command::cargo();
    install
        .args(["install", "bpf-linker", "--version", LINKER, "--locked", "--no-default-features", "--features"])
        .arg(format!("llvm-{major}"))
        .arg("--root")
        .arg(directory.join("bpf-linker"))
        .env("LLVM_PREFIX", &prefix)
        .env("LD_LIBRARY_PATH", libraries)
        // Not the caller's, which may be meant for the project.
        .env("CARGO_TARGET_DIR", directory.join("bpf-linker-build"));
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        install.env_remove(name);
    }
    command::run(&mut install)?;
    // A tenth of a gigabyte that nobody needs again; if it stays, so be it.
    let _ = fs::remove_dir_all(directory.join("bpf-linker-build"));
    Ok(directory.join("bpf-linker/bin/bpf-linker"))
}

fn cargo_version(cargo: &Path) -> Result<String> {
    let version = output(Command::new(cargo).arg("--version"))?;
    Ok(version.trim().trim_start_matches("cargo ").to_owned())
}
