//! The command line of honeyxdp: see `honeyxdp --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    honeyxdp::cli::main()
}
