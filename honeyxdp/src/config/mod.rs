//! Settings of a command from flags, the environment, a file and defaults, in this order.
//!
//! The command's own arguments are the one table of what can be set: a file's values become flags where neither a flag nor
//! the environment says something, and clap judges them all alike. So a new flag has its key without another line.

mod fault;
mod file;
mod keys;
mod settings;

pub use fault::{Fault, Faults};
pub use file::{Entry, File, FileError, Problem, usage};
pub use keys::{Key, Kind, keys};
pub use settings::{Effective, Error, Settings, Source, parse};

/// The file that is read when it exists and no other one is named.
pub const DEFAULT_FILE: &str = "/etc/honeyxdp/honeyxdp.toml";
/// Id and name of the flag that names the file. A command that has it takes settings from it.
pub const FLAG: &str = "config";
/// Its variable.
pub const VARIABLE: &str = "HONEYXDP_CONFIG";
