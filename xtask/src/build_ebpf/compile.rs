//! Compiles the eBPF program so that the bytes do not depend on where anything lies.
//!
//! Two things would carry directories into the object. cargo mixes the absolute path of a path dependency outside of the
//! workspace into the names of its symbols: so both crates are copied side by side under one generated workspace. And
//! BTF's line information names source files: so every directory that they can be in is mapped to a fixed name.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{sources::Sources, strip::strip, toolchain::Toolchain};
use crate::command;

/// The flags that decide about the code.
///
/// v3 brings 32-bit registers and jumps; unaligned loads are what the fields of headers are, and without the feature
/// LLVM puts each of them together from bytes.
pub(crate) const FLAGS: &[&str] =
    &["-Clink-arg=--btf", "-Ctarget-cpu=v3", "-Cdebuginfo=2", "-Ctarget-feature=+allows-misaligned-mem-access"];

const TARGET: &str = "bpfel-unknown-none";

/// Builds the object in the directory `work`, whose `target` is used again next time.
pub(crate) fn compile(sources: &Sources, toolchain: &Toolchain, work: &Path) -> Result<Vec<u8>> {
    let (stage, target) = (work.join("stage"), work.join("target"));
    if stage.exists() {
        fs::remove_dir_all(&stage).with_context(|| format!("{} could not be removed.", stage.display()))?;
    }
    sources.copy_to(&stage)?;
    make_workspace(&stage)?;

    // First, because only what has been fetched has a directory that can be mapped.
    command::run(cargo(toolchain, &stage).args(["fetch", "--locked"]))?;
    let flags = flags(toolchain, &stage, &target)?;
    command::run(
        cargo(toolchain, &stage)
            .args(["build", "--release", "--locked", "--package", "honeyxdp-ebpf"])
            .args(["--target", TARGET, "-Zbuild-std=core", "--target-dir"])
            .arg(&target)
            .env("CARGO_ENCODED_RUSTFLAGS", flags),
    )?;
    let object = target.join(TARGET).join("release/honeyxdp");
    let object = fs::read(&object).with_context(|| format!("cargo did not write {}.", object.display()))?;
    strip(&object)
}

/// cargo with this compiler, and with nothing of the caller's settings that could change the code.
fn cargo(toolchain: &Toolchain, stage: &Path) -> Command {
    let mut cargo = Command::new(&toolchain.cargo);
    cargo.current_dir(stage);
    for (name, _) in env::vars_os() {
        if is_setting(&name.to_string_lossy()) {
            cargo.env_remove(&name);
        }
    }
    cargo
        .env("RUSTC", &toolchain.rustc)
        .env("LD_LIBRARY_PATH", &toolchain.libraries)
        // Building core is for nightly compilers only; this opens it to a released one.
        .env("RUSTC_BOOTSTRAP", "1");
    cargo
}

/// Whether a variable could change what is built.
fn is_setting(name: &str) -> bool {
    let prefixes = ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_", "CARGO_UNSTABLE_", "CARGO_PKG_", "RUSTC"];
    let names = ["RUSTFLAGS", "RUSTDOCFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"];
    prefixes.iter().any(|prefix| name.starts_with(prefix)) || names.contains(&name)
}

/// All flags, in the form that allows for spaces in paths.
fn flags(toolchain: &Toolchain, stage: &Path, target: &Path) -> Result<OsString> {
    let mut flags: Vec<OsString> = FLAGS.iter().map(OsString::from).collect();
    let mut linker = OsString::from("-Clinker=");
    linker.push(&toolchain.linker);
    flags.push(linker);
    let mut map = |directory: &Path, name: &str| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(directory);
        flag.push("=");
        flag.push(name);
        flags.push(flag);
    };
    map(stage, "/honeyxdp");
    map(target, "/target");
    map(&toolchain.sysroot, "/toolchain");
    // The name of the registry's directory depends on where the crates were fetched from.
    let registry = cargo_home()?.join("registry/src");
    for entry in fs::read_dir(&registry).with_context(|| format!("{} could not be read.", registry.display()))? {
        map(&entry?.path(), "/crates");
    }
    Ok(flags.join("\x1f".as_ref()))
}

fn cargo_home() -> Result<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    home.context("Set CARGO_HOME or HOME: cargo's directory could not be found.")
}

/// Makes one workspace of the two crates: the eBPF crate's own workspace and profiles move up by one directory.
fn make_workspace(stage: &Path) -> Result<()> {
    let member = stage.join("honeyxdp-ebpf");
    let file = member.join("Cargo.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("{} could not be read.", file.display()))?;
    let (root, member_text) = split_manifest(&text);
    fs::write(stage.join("Cargo.toml"), root)?;
    fs::write(&file, member_text)?;
    fs::rename(member.join("Cargo.lock"), stage.join("Cargo.lock")).context("honeyxdp-ebpf/Cargo.lock is missing.")?;
    Ok(())
}

/// Splits a Cargo.toml into the tables that belong to the root of a workspace, and the others.
fn split_manifest(text: &str) -> (String, String) {
    let (mut root, mut member) = (String::new(), String::new());
    let mut in_root = false;
    for line in text.lines() {
        if line.starts_with('[') {
            in_root = line.starts_with("[workspace") || line.starts_with("[profile");
        }
        let part = if in_root { &mut root } else { &mut member };
        part.push_str(line);
        part.push('\n');
        if line == "[workspace]" {
            part.push_str("members = [\"honeyxdp-ebpf\", \"honeyxdp-common\"]\n");
        }
    }
    (root, member)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspace_and_profiles_move_to_the_root() {
        let text = "[workspace]\nresolver = \"3\"\n\n[package]\nname = \"e\"\n\n[[bin]]\nname = \"h\"\n\n\
                    [profile.release]\nlto = true\n";
        let (root, member) = split_manifest(text);
        assert_eq!(
            root,
            "[workspace]\nmembers = [\"honeyxdp-ebpf\", \"honeyxdp-common\"]\nresolver = \"3\"\n\n\
             [profile.release]\nlto = true\n"
        );
        assert_eq!(member, "[package]\nname = \"e\"\n\n[[bin]]\nname = \"h\"\n\n");
    }

    #[test]
    fn the_callers_settings_do_not_reach_the_compiler() {
        for name in ["RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_PROFILE_RELEASE_LTO", "CARGO_BUILD_RUSTFLAGS"] {
            assert!(is_setting(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_NET_OFFLINE", "PATH", "RUSTUP_TOOLCHAIN"] {
            assert!(!is_setting(name), "{name}");
        }
    }
}
