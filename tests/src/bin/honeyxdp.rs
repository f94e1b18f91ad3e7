//! The command line, built for the tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    honeyxdp::cli::main()
}
