//! The fleet's command line, built for the tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    honeyxdp_fleet::cli::main()
}
