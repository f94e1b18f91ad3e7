//! `cargo xtask soak`: a sensor for long under traffic, restarts, filter changes and scrapes.

use std::ffi::OsString;

use anyhow::Result;

use crate::{
    command::{become_as_root, build_release},
    leftovers,
    programs::{self, LIBBPF_HEADERS, Program},
};

/// Let a sensor run for long under everything that happens to one, and see whether it loses, doubles or leaks
///
/// Mixed traffic, restarts, kills, upgrades, filter changes and scrapes; at every check all that was
/// sent has to be counted, over all restarts, and memory, file handles and maps have to be flat. It
/// runs as root, by sudo if you are not. All traffic stays in network namespaces of its own.
///
/// Options:
///
///   --minutes N      how long, 60 by default
///   --rate N         frames a second, 20,000 by default
///   --seed N         what is sent and what is done when, 1 by default
///   --every SECONDS  between two checks, 60 by default
///   --restarts N     restarts at least, even if that takes longer
///   --json FILE      everything for a script as well
///
/// Examples:
///
///   cargo xtask soak --minutes 60 --json soak.json
///   cargo xtask soak -- --help
///
/// Exit status 0: all equal and flat. docs/soak.md says what is compared, and what "flat" is.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Its options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    args: Vec<OsString>,
}

/// Programs that it runs, and Debian's package of each.
const PROGRAMS: &[Program] = &[("clang", "clang"), LIBBPF_HEADERS, ("ip", "iproute2"), ("sysctl", "procps")];

pub(crate) fn main(args: Args) -> Result<()> {
    programs::install("The soak run", PROGRAMS)?;
    leftovers::remove()?;
    // The sensor that it starts lies beside it.
    build_release("honeyxdp-tests", "honeyxdp-under-test")?;
    become_as_root(&build_release("honeyxdp-tests", "soak")?, &args.args)
}
