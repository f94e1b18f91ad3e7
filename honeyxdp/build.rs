//! Chooses the eBPF object of the binary and records the git revision.
//!
//! `HONEYXDP_EBPF_OBJECT` names another object than the repository's, so that a rebuilt one can pass every test.
//! `HONEYXDP_REVISION` names the revision where there is no git directory, as in a source package.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

fn main() {
    const OBJECT: &str = "HONEYXDP_EBPF_OBJECT";
    println!("cargo:rerun-if-env-changed={OBJECT}");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let object = env::var_os(OBJECT).map_or_else(|| root.join("ebpf/honeyxdp.bpf.o"), PathBuf::from);
    println!("cargo:rerun-if-changed={}", object.display());
    println!("cargo:rustc-env=HONEYXDP_EBPF_OBJECT_PATH={}", object.display());

    const REVISION: &str = "HONEYXDP_REVISION";
    println!("cargo:rerun-if-env-changed={REVISION}");
    let revision = env::var(REVISION).ok().or_else(|| revision(&root)).filter(|revision| is_hash(revision));
    println!("cargo:rustc-env={REVISION}={}", revision.as_deref().map_or("unknown", |revision| &revision[..12]));
}

/// Revision of the checked-out commit, read from the repository's files: the build needs no git.
fn revision(root: &Path) -> Option<String> {
    let dot_git = root.ancestors().map(|directory| directory.join(".git")).find(|path| path.exists())?;
    // In a linked worktree, .git is a file that names the directory.
    let git = match fs::read_to_string(&dot_git) {
        Ok(link) => dot_git.parent()?.join(link.trim().strip_prefix("gitdir: ")?),
        Err(_) => dot_git,
    };
    let common = match fs::read_to_string(git.join("commondir")) {
        Ok(path) => git.join(path.trim()),
        Err(_) => git.clone(),
    };
    let watched = |path: PathBuf| {
        println!("cargo:rerun-if-changed={}", path.display());
        fs::read_to_string(path).ok()
    };
    let head = watched(git.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return Some(head.trim().to_owned()) };
    let loose = common.join(name);
    if loose.exists() {
        return Some(watched(loose)?.trim().to_owned());
    }
    let packed = watched(common.join("packed-refs"))?;
    packed.lines().find_map(|line| line.strip_suffix(name)?.strip_suffix(' ')).map(str::to_owned)
}

fn is_hash(text: &str) -> bool {
    text.len() >= 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
