//! `cargo xtask bench`: what honeyxdp costs on this machine, and what else would.

mod report;

use std::ffi::OsString;

use anyhow::Result;

use crate::{
    command::{become_as_root, build_release},
    leftovers,
    programs::{self, LIBBPF_HEADERS, Program},
};

/// Measure what honeyxdp costs on this machine, beside other ways to do the same
///
/// Without PART it measures everything, in about ten minutes, and prints tables. What honeyxdp is
/// compared with is measured in the same run, in turn with it: machines differ, ratios hold.
/// It installs what it needs (clang, tcpdump, tshark ...) on Debian and Ubuntu, or names it. It runs
/// as root, by sudo if you are not. All traffic stays in network namespaces of its own.
///
/// PART is one of:
///
///   packet      a SYN in the kernel, each one different: over an empty program, against a hash
///               of sources, against the same program in C
///   filters     what each filter adds to that
///   frames      one frame again and again, by kind of frame
///   cores       a SYN while 1, 2, ... all CPUs count
///   throughput  live frames over a veth, native and generic, beside tcpdump
///   flood       a spoofed flood on a real sensor: is everything counted, how good is the
///               estimate of sources
///   million     a million sources at a million SYNs a second: are they counted exactly
///   drain       reading everything, and the CPU that a sensor takes, idle and busy
///   replay      reading a capture file, beside tcpdump and tshark
///   report      the observation report of 200,000,000 flow records, beside DuckDB; not among
///               the others: it takes minutes to build, minutes to run and 5 GB
///
/// Options, before or after PART:
///
///   --rounds N     rounds, 5 by default; medians, least and most of them are shown
///   --seconds N    how long each live measurement sends
///   --json FILE    all numbers for a script as well
///   --quick        see whether everything works: short, and the numbers mean little
///
/// Examples:
///
///   cargo xtask bench
///   cargo xtask bench packet --rounds 21
///   cargo xtask bench --json today.json
///
/// docs/benchmarks.md says what the numbers mean.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The measurement and its options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PART")]
    args: Vec<OsString>,
}

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

pub(crate) fn main(args: Args) -> Result<()> {
    if let Some((_, args)) = args.args.split_first().filter(|(part, _)| *part == "report") {
        return report::main(args);
    }
    programs::install("The measurements", PROGRAMS)?;
    leftovers::remove()?;
    // A sensor that it starts lies beside it.
    build_release("honeyxdp-tests", "honeyxdp-under-test")?;
    become_as_root(&build_release("honeyxdp-tests", "bench")?, &args.args)
}
