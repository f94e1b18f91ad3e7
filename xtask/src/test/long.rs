//! What `cargo xtask test --long` does beyond the tests.

use std::process::Command;

use anyhow::Result;

use super::Stages;
use crate::{
    build_ebpf,
    command::{as_root, run},
    deny, fuzz, lab, soak, vm,
};

/// Seconds for each fuzz target.
const FUZZ: u64 = 20;
/// Minutes of the soak run.
const SOAK: &str = "10";

pub(super) fn every_stage(seed: u64, stages: &mut Stages) {
    let done = |result: Result<()>| result.map(|()| String::new());
    let mut stage = |name, work: &dyn Fn() -> Result<()>| {
        // The summary says which failed.
        let _ = stages.run(name, || done(work()));
    };
    stage("dependencies", &deny::everything);
    stage("fuzzing", &|| fuzz::all(FUZZ, seed));
    stage("eBPF object", &build_ebpf::check_committed);
    stage("soak", &|| soak_run(seed));
    stage("kernels", &vm::every_kernel);
}

fn soak_run(seed: u64) -> Result<()> {
    soak::prepare()?;
    let program = lab::build(&[lab::SENSOR])?;
    let mut command: Command = as_root(&program, &[])?;
    run(command.args(["soak", "--minutes", SOAK, "--seed", &seed.to_string()]))
}
