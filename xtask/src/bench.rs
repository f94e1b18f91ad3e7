//! `cargo xtask bench`: what honeyxdp costs on this machine, and what else would.

mod report;

use anyhow::Result;

use crate::{
    command::{become_as_root, own_arguments},
    lab, leftovers,
    programs::{self, LIBBPF_HEADERS, Program},
};

#[path = "../../tests/src/bin/lab/bench/args.rs"]
mod args;

pub(crate) use args::Cli as Args;
use args::Part;

/// Programs that it runs, and Debian's package of each.
const PROGRAMS: &[Program] = &[
    ("clang", "clang"),
    LIBBPF_HEADERS,
    ("ip", "iproute2"),
    ("sysctl", "procps"),
    ("ethtool", "ethtool"),
    ("tcpdump", "tcpdump"),
    ("tshark", "tshark"),
];

pub(crate) fn main(args: &Args) -> Result<()> {
    if let Some(Part::Report(report)) = &args.part {
        return report::main(report, args.settings.rounds);
    }
    programs::install("The measurements", PROGRAMS)?;
    leftovers::remove()?;
    become_as_root(&lab::build(&[lab::SENSOR])?, &own_arguments("bench"))
}
