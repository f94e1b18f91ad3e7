//! `cargo xtask fuzz frames`: kernel against host.

use std::ffi::OsString;

use anyhow::Result;

use crate::command::{become_as_root, build_release};

/// Compare kernel and host on random frames
///
/// Named frames changed, well-formed ones with what marks look for, and noise go through the program in the kernel, by
/// BPF_PROG_TEST_RUN, and through the host's code. Counters, records and verdicts have to be alike. Every batch of 200,000 frames
/// has a program and options of its own (filters, dropping, samples, sizes). Runs on all CPUs; needs root.
/// Options: --inputs N (1,000,000), --seed N (1), --batch N (one batch alone), --threads N.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Options; `cargo xtask fuzz frames --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    args: Vec<OsString>,
}

pub(crate) fn main(args: Args) -> Result<()> {
    become_as_root(&build_release("honeyxdp-tests", "frames-fuzz")?, &args.args)
}
