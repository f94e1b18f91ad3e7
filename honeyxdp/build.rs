//! Chooses the eBPF object that goes into the binary: the built one of the repository, or the one that
//! `HONEYXDP_EBPF_OBJECT` names, so that a rebuilt object can be put through every test.

use std::{env, path::PathBuf};

fn main() {
    const VARIABLE: &str = "HONEYXDP_EBPF_OBJECT";
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let object = env::var_os(VARIABLE).map_or_else(|| root.join("ebpf/honeyxdp.bpf.o"), PathBuf::from);
    println!("cargo:rerun-if-changed={}", object.display());
    println!("cargo:rustc-env=HONEYXDP_EBPF_OBJECT_PATH={}", object.display());
}
