//! The command line of honeyxdp-report: see `honeyxdp-report --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    honeyxdp_report::cli::main()
}
