//! The kernel tests: frames through the program in the kernel, sensors between network namespaces, real scanners, and the command
//! line. One module per topic.
//!
//! They need root. `cargo xtask test` installs what they call and runs them. One executable, because linking thirty took longer than
//! running some of them.

mod analytics;
mod archive;
mod archive_faults;
mod command_line;
mod contrib;
mod dashboard;
mod doctor;
mod documents;
mod filters;
mod fleet;
mod flows;
mod frames;
mod generator;
mod http;
mod joint;
mod kill;
mod load;
mod metrics;
mod pins;
mod probes;
mod refused;
mod reliability;
mod responder;
mod restart;
mod rights;
mod scanners;
mod sensor;
mod service;
mod settings;
mod signatures;
mod slow;
mod soak;
mod terminal;
mod top;
mod unit;

/// The command line under test.
const BINARY: &str = env!("CARGO_BIN_EXE_honeyxdp-under-test");
/// honeyxdp-fleet under test.
const FLEET: &str = env!("CARGO_BIN_EXE_fleet-under-test");
/// The lab's programs.
const LAB: &str = env!("CARGO_BIN_EXE_lab");
