//! `cargo xtask build-ebpf`: rebuilds the eBPF object that the repository carries.
//!
//! Building it takes a compiler with the sources of exactly its own `core`, and a bpf-linker with an LLVM that is not
//! older. A user of honeyxdp should need neither, so the built object is kept in the repository, with a manifest that
//! says what it was made of and by what. The same sources and the same toolchain give the same bytes, wherever they lie:
//!  * `toolchain`, with `rustup` and `debian`: finds or makes a toolchain in a directory of its own;
//!  * `sources`: which files the object is made of, and their hash;
//!  * `compile`: builds a staged copy of exactly those files;
//!  * `strip`: drops what only a debugger reads;
//!  * `manifest`: the record, and the test that the object belongs to the sources.

mod compile;
mod debian;
mod manifest;
mod rustup;
mod sources;
mod strip;
mod toolchain;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;

use crate::{
    command::{repository, say, target},
    test,
};
use manifest::{Manifest, sha256};
use sources::Sources;
use toolchain::Toolchain;

/// Rebuild the eBPF object in honeyxdp/ebpf, or check that it can be rebuilt
///
/// Needed after every change to honeyxdp-ebpf or honeyxdp-common. The toolchain is set up once, in a directory of its
/// own and without root; remove that directory to have it made anew.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the toolchain comes from
    ///
    /// `auto` begins with the route that the manifest names, so that the bytes can be compared; without a manifest it
    /// begins with rustup. Where the first one does not work it takes the other.
    #[arg(long, value_enum, default_value_t = Route::Auto)]
    route: Route,
    /// Write nothing: build twice in two directories, compare, and compare with the object in the repository
    ///
    /// With the manifest's toolchain the bytes have to be equal. With another one the difference is said, and the
    /// rebuilt object has to pass every kernel test.
    #[arg(long, conflicts_with = "out")]
    check: bool,
    /// Directory of the toolchain [default: target/ebpf-toolchain]
    #[arg(long, value_name = "DIR")]
    toolchain_dir: Option<PathBuf>,
    /// Write the object to FILE and its manifest to FILE.json, and not into the repository
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Route {
    /// The first one that works
    Auto,
    /// A pinned nightly with the sources of core, from rustup
    Rustup,
    /// Debian's packages of the compiler, unpacked into a directory
    Debian,
}

/// The object in the repository.
fn object_path() -> PathBuf {
    repository().join("honeyxdp/ebpf/honeyxdp.bpf.o")
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let directory = match &args.toolchain_dir {
        Some(directory) => std::path::absolute(directory).context("--toolchain-dir has to name a directory.")?,
        None => target().join("ebpf-toolchain"),
    };
    if args.check {
        return check(args.route, &directory);
    }
    let object_file = args.out.clone().unwrap_or_else(object_path);
    let manifest_file = args.out.as_ref().map_or_else(manifest::path, |out| out.with_added_extension("json"));

    let sources = Sources::read(&repository())?;
    let toolchain = toolchain::get(&routes(args.route, Manifest::read().ok().as_ref()), &directory)?;
    let object = compile::compile(&sources, &toolchain, &target().join("ebpf-build"))?;
    let manifest = Manifest::new(&object, &sources, &toolchain);
    write(&object_file, &object)?;
    write(&manifest_file, manifest.to_json()?.as_bytes())?;
    say(format!(
        "{}: {} bytes, SHA-256 {}, by rustc {} ({})",
        object_file.display(),
        object.len(),
        manifest.object_sha256,
        toolchain.identity.rustc,
        toolchain.identity.route
    ));
    Ok(())
}

/// Builds the object at once, for `cargo xtask test --rebuild`.
pub(crate) fn rebuild() -> Result<()> {
    main(&Args { route: Route::Auto, check: false, toolchain_dir: None, out: None })
}

/// Checks that the object in the repository can be rebuilt, for `cargo xtask test --long`.
pub(crate) fn check_committed() -> Result<()> {
    main(&Args { route: Route::Auto, check: true, toolchain_dir: None, out: None })
}

/// The routes to try, in this order.
fn routes(wanted: Route, manifest: Option<&Manifest>) -> Vec<Route> {
    match wanted {
        Route::Auto if manifest.is_some_and(|manifest| manifest.toolchain.route == "debian") => {
            vec![Route::Debian, Route::Rustup]
        }
        Route::Auto => vec![Route::Rustup, Route::Debian],
        route => vec![route],
    }
}

fn check(route: Route, directory: &Path) -> Result<()> {
    let manifest = Manifest::read()?;
    let sources = Sources::read(&repository())?;
    let committed = fs::read(object_path()).with_context(|| format!("{} is missing.", object_path().display()))?;
    manifest.matches(&committed, &sources)?;
    let toolchain = toolchain::get(&routes(route, Some(&manifest)), directory)?;

    let (first, second) = build_twice(&sources, &toolchain)?;
    let kept = target().join("ebpf-check/honeyxdp.bpf.o");
    write(&kept, &first)?;
    if first != second {
        let other = kept.with_added_extension("second");
        write(&other, &second)?;
        bail!(
            "Two builds in two directories differ; compare {} with {} to see what depends on the directory.",
            kept.display(),
            other.display()
        );
    }
    say(format!("two builds in two directories are equal: SHA-256 {}", sha256(&first)));

    let differences = manifest.toolchain.differences(&toolchain.identity);
    if first == committed {
        say("the object in the repository has the same bytes");
        for difference in differences {
            say(format!("although the toolchain differs: {difference}"));
        }
        return Ok(());
    }
    ensure!(
        !differences.is_empty(),
        "The toolchain is the manifest's, but the rebuilt object {} ({} bytes) is not the one in the repository ({} \
         bytes): run `cargo xtask build-ebpf` and look at what changed.",
        kept.display(),
        first.len(),
        committed.len()
    );
    say("the rebuilt object has other bytes than the one in the repository, because the toolchain differs:");
    for difference in differences {
        say(format!("  {difference}"));
    }
    say(format!("kernel tests of the rebuilt object, {}", kept.display()));
    test::kernel_tests_with(&kept)?;
    say("the rebuilt object passes every kernel test");
    Ok(())
}

/// Builds in two fresh directories, far from each other and with names of different lengths.
fn build_twice(sources: &Sources, toolchain: &Toolchain) -> Result<(Vec<u8>, Vec<u8>)> {
    let near = tempfile::Builder::new().prefix("honeyxdp-").tempdir_in(env::temp_dir())?;
    fs::create_dir_all(target())?;
    let far = tempfile::Builder::new().prefix("honeyxdp-second-build-").tempdir_in(target())?;
    let first = compile::compile(sources, toolchain, near.path())?;
    let second = compile::compile(sources, toolchain, &far.path().join("a/directory/further/down"))?;
    Ok((first, second))
}

/// Writes a file, and its directory where there is none.
fn write(path: &Path, contents: &[u8]) -> Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).with_context(|| format!("{} could not be made.", directory.display()))?;
    }
    fs::write(path, contents).with_context(|| format!("{} could not be written.", path.display()))
}
