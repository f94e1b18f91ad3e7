//! The command line of honeyxdp-fleet: see `honeyxdp-fleet --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    honeyxdp_fleet::cli::main()
}
