//! The C programs of the lab, compiled for the kernel when they are needed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, ensure};

/// What to do without a compiler.
const REMEDY: &str =
    "install clang and libbpf's headers: `apt-get install clang libbpf-dev`, or `cargo xtask test` does it";

/// Compiles `tests/bpf/NAME.bpf.c` and returns the object, which also stays beside the running program: `bpf/NAME.o`.
///
/// # Errors
/// Without clang or libbpf's headers, or when the program is wrong, with what clang said.
pub fn compile(name: &str) -> anyhow::Result<Vec<u8>> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("bpf/{name}.bpf.c"));
    let directory = env::current_exe()?.parent().context("the program lies in no directory")?.join("bpf");
    fs::create_dir_all(&directory)?;
    // Under a name of its own first, because tests compile at the same time.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let fresh = directory.join(format!("{name}.{}.{number}.o", process::id()));
    let output = Command::new("clang")
        .args(["-O2", "-g", "-mcpu=v3", "-target", "bpf", "-Wall", "-idirafter"])
        // Debian keeps <asm/types.h> there, and the target "bpf" has no directory of its own.
        .arg(PathBuf::from(format!("/usr/include/{}-linux-gnu", env::consts::ARCH)))
        .arg("-c")
        .arg(&source)
        .arg("-o")
        .arg(&fresh)
        .output()
        .with_context(|| format!("clang does not start; {REMEDY}"))?;
    ensure!(
        output.status.success(),
        "clang refuses {}; if it misses a header, {REMEDY}. It says:\n{}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let object = fs::read(&fresh)?;
    fs::rename(&fresh, directory.join(format!("{name}.o")))?;
    Ok(object)
}
