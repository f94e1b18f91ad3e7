//! The toolchain from Debian's packages: the newer compiler that Debian keeps for its web browsers.
//!
//! Nothing is installed. apt works on lists of its own in the toolchain's directory, which takes no root, and the packages
//! are unpacked there. Which compiler and which LLVM it is, the packages say themselves.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::{rustup::first_entry, toolchain::Compiler};
use crate::command::{cargo_program, find, output, run, say};

/// Packages whose versions decide about the bytes. The names with a version in them are found out.
const PACKAGES: &[&str] = &["rustc-web", "libstd-rust-web-dev", "rust-web-src"];

pub(crate) fn set_up(directory: &Path) -> Result<Compiler> {
    for program in ["apt-get", "apt-cache", "dpkg", "dpkg-deb"] {
        ensure!(
            find(program).is_some(),
            "there is no {program}, so this is no Debian; install rustup from https://rustup.rs."
        );
    }
    let apt = Apt { directory: directory.join("apt") };
    for directory in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.directory.join(directory))?;
    }
    // A source that cannot be reached, but is not needed, is no reason to stop: what is missing shows below.
    if let Err(error) = run(apt.command("apt-get").args(["--quiet", "--quiet", "update"])) {
        say(format!("{error:#} What it did get may be enough."));
    }

    let std = apt.dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
    let llvm = apt.dependency(&std, "libllvm")?;
    let mut packages: Vec<String> = PACKAGES.iter().map(|&name| name.to_owned()).collect();
    packages.extend([std, llvm.clone()]);
    // And what LLVM's library needs and this machine lacks.
    for package in apt.missing(&llvm)? {
        if !packages.contains(&package) {
            packages.push(package);
        }
    }

    let archives = directory.join("packages");
    fs::create_dir_all(&archives)?;
    run(apt.command("apt-get").args(["--quiet", "--quiet", "download"]).args(&packages).current_dir(&archives))?;
    let root = directory.join("root");
    let mut versions = BTreeMap::new();
    for entry in fs::read_dir(&archives)? {
        let archive = entry?.path();
        let field = |name: &str| -> Result<String> {
            Ok(output(Command::new("dpkg-deb").arg("-f").arg(&archive).arg(name))?.trim().to_owned())
        };
        versions.insert(field("Package")?, field("Version")?);
        output(Command::new("dpkg").arg("-x").arg(&archive).arg(&root))?;
    }
    say(format!("unpacked {} packages", versions.len()));
    // The libraries that only some machines lack do not belong to what the compiler is.
    versions.retain(|name, _| name.contains("rust") || *name == llvm);
    fs::remove_dir_all(&archives)?;
    fs::remove_dir_all(&apt.directory)?;

    let libraries = libraries(&root.join("usr/lib"))?;
    let llvm = first_entry(&libraries, |name| name.starts_with("libLLVM") && name.contains(".so"))?;
    Ok(Compiler {
        cargo: cargo_program().into(),
        rustc: root.join("usr/bin/rustc"),
        libraries,
        llvm,
        packages: versions,
    })
}

/// The directory that is named after the architecture: it has the compiler's library.
fn libraries(lib: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(lib).with_context(|| format!("{} could not be read.", lib.display()))?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|directory| first_entry(directory, |name| name.starts_with("librustc_driver-")).is_ok())
        .with_context(|| format!("{} lacks the compiler's library.", lib.display()))
}

/// apt with lists and cache of its own.
struct Apt {
    directory: PathBuf,
}

impl Apt {
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (option, directory) in [("Dir::State::lists", "lists"), ("Dir::Cache", "cache")] {
            command.arg("-o").arg(format!("{option}={}", self.directory.join(directory).display()));
        }
        // Root's apt would hand over to a user who may not write here.
        command.args(["-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3"]).env("LC_ALL", "C");
        command
    }

    /// The dependency of a package whose name begins like this.
    fn dependency(&self, package: &str, prefix: &str) -> Result<String> {
        let depends = output(self.command("apt-cache").args(["depends", package]))
            .with_context(|| format!("apt knows no package {package}; Debian 12 has it"))?;
        depends
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Depends: "))
            .find(|name| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())))
            .map(str::to_owned)
            .with_context(|| format!("Debian's {package} depends on no {prefix}*: its packages have changed."))
    }

    /// What would be installed for a package, itself included.
    fn missing(&self, package: &str) -> Result<Vec<String>> {
        let plan = output(self.command("apt-get").args(["-s", "install", "--no-install-recommends", package]))?;
        Ok(plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next()).map(str::to_owned).collect())
    }
}
