//! `cargo xtask TASK`: what a developer does with the repository beyond a plain `cargo build`.
//!
//! One module per task. A task prints the commands that it runs, so that each of them can be done by hand as well. The
//! crate depends on little, because `cargo xtask run` builds it before anything else.

mod bench;
mod build_ebpf;
mod clippy;
mod command;
mod demo;
mod deny;
mod dist;
mod docs;
mod faults;
mod fleet;
mod fuzz;
mod lab;
mod leftovers;
mod modules;
mod programs;
mod report;
mod room;
mod run;
mod sbom;
mod soak;
mod test;
mod tools;
mod vm;
mod year;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The tasks of the honeyxdp repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    BuildEbpf(build_ebpf::Args),
    Run(run::Args),
    Test(test::Args),
    Demo(demo::Args),
    Bench(bench::Args),
    Soak(soak::Args),
    Docs(docs::Args),
    Modules(modules::Args),
    Faults(faults::Args),
    Fuzz(fuzz::Args),
    Vm(vm::Args),
    Dist(dist::Args),
    Deny(deny::Args),
    Sbom(sbom::Args),
    Report(report::Args),
    Fleet(fleet::Args),
    Year(year::Args),
}

fn main() -> ExitCode {
    // Not as a result: that would add a backtrace, and the sentences of the errors are meant to be enough.
    match start(Cli::parse_from(command::arguments()).task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(task: Task) -> anyhow::Result<()> {
    match task {
        Task::BuildEbpf(args) => build_ebpf::main(&args),
        Task::Run(args) => run::main(args),
        Task::Test(args) => test::main(&args),
        Task::Demo(args) => demo::main(&args),
        Task::Bench(args) => bench::main(&args),
        Task::Soak(args) => soak::main(&args),
        Task::Docs(args) => docs::main(&args),
        Task::Modules(args) => modules::main(&args),
        Task::Faults(args) => faults::main(&args),
        Task::Fuzz(args) => fuzz::main(args),
        Task::Vm(args) => vm::main(&args),
        Task::Dist(args) => dist::main(&args),
        Task::Deny(args) => deny::main(&args),
        Task::Sbom(args) => sbom::main(&args),
        Task::Report(args) => report::main(args),
        Task::Fleet(args) => fleet::main(args),
        Task::Year(args) => year::main(args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
