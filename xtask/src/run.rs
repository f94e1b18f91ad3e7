//! `cargo xtask run`: from a fresh clone to running counters in one command.

use std::ffi::OsString;

use anyhow::Result;

use crate::command::{announce, become_as_root, build_release};

/// Build honeyxdp for release and start `honeyxdp run` with the rights it needs
///
/// It runs as root, by sudo if you are not, on the interface of the default route if you name none. Stable Rust is
/// enough: the eBPF object is in the repository. Example: `cargo xtask run -- -i eth1`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Arguments for `honeyxdp run`, after `--`; `cargo xtask run -- --help` lists them
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn main(args: Args) -> Result<()> {
    announce("honeyxdp with optimizations", "3 minutes", "1 GB");
    let program = build_release("honeyxdp", "honeyxdp")?;
    // An archive on object storage is brought there by a program of its own.
    if args.args.iter().any(|arg| arg.to_string_lossy().contains("://")) {
        build_release("honeyxdp-fleet", "honeyxdp-fleet")?;
    }
    let args: Vec<_> = [OsString::from("run")].into_iter().chain(args.args).collect();
    become_as_root(&program, &args)
}
