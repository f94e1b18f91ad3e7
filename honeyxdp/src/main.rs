//! The command line of honeyxdp: see `honeyxdp --help`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
