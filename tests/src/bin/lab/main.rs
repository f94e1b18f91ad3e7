//! The lab's programs in one executable: `cargo xtask` builds it and starts the one that a task names.
//!
//! The S3 server is a feature of its own, because nothing but tests of fleets needs it and it takes minutes to build.

mod bench;
mod demo;
mod docs;
mod frames;
#[cfg(feature = "s3")]
mod s3;
mod soak;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// Programs of the tests and tasks
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", max_term_width = 100)]
enum Lab {
    Demo(demo::Args),
    Bench(bench::Cli),
    Soak(soak::Args),
    #[command(override_usage = "cargo xtask fuzz frames [OPTIONS]")]
    Frames(frames::Args),
    /// Write the generated documents
    Docs,
    /// Write manual pages and shell completions
    Manual {
        /// Directory for them
        directory: PathBuf,
    },
    #[cfg(feature = "s3")]
    S3(s3::Args),
}

fn main() -> ExitCode {
    let result = match Lab::parse() {
        Lab::Demo(args) => demo::run(&args),
        Lab::Bench(args) => bench::run(&args).map(|()| ExitCode::SUCCESS),
        Lab::Soak(args) => soak::run(&args).map(|passed| if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        Lab::Frames(args) => frames::run(args).map(|()| ExitCode::SUCCESS),
        Lab::Docs => docs::run().map(|()| ExitCode::SUCCESS),
        Lab::Manual { directory } => lab::manual::write(&directory).map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "s3")]
        Lab::S3(args) => s3::run(&args).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn command_line_is_consistent() {
        super::Lab::command().debug_assert();
    }
}
