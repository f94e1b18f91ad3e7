//! `cargo xtask soak`: a sensor for long under traffic, restarts, filter changes and scrapes.

use anyhow::Result;

use crate::{
    command::{become_as_root, own_arguments},
    lab, leftovers,
    programs::{self, LIBBPF_HEADERS, Program},
};

#[path = "../../tests/src/bin/lab/soak/args.rs"]
mod args;

pub(crate) use args::Args;

/// Programs that it runs, and Debian's package of each.
const PROGRAMS: &[Program] = &[("clang", "clang"), LIBBPF_HEADERS, ("ip", "iproute2"), ("sysctl", "procps")];

pub(crate) fn main(_: &Args) -> Result<()> {
    prepare()?;
    become_as_root(&lab::build(&[lab::SENSOR])?, &own_arguments("soak"))
}

/// Installs what a run calls.
pub(crate) fn prepare() -> Result<()> {
    programs::install("The soak run", PROGRAMS)?;
    leftovers::remove().map(drop)
}
