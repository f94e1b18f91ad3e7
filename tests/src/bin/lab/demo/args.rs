//! The command line of the demo, which `cargo xtask demo` has too.

use std::path::PathBuf;

/// Show honeyxdp at work on traffic made in private network namespaces
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stop after this many seconds; without it, Ctrl-C stops
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<u64>,
    /// Directory for the snapshots; without it, a temporary one that goes when the demo ends
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}
