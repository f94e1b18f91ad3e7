//! Identity of the sensor, without its addresses.

use std::fs;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Git revision of the build, 12 hexadecimal digits, or `unknown`.
pub const REVISION: &str = env!("HONEYXDP_REVISION");
/// Version and revision, for `--version`.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("HONEYXDP_REVISION"), ")");

/// The sensor. Its addresses are never part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sensor {
    /// Given by --sensor-id, or derived from the machine's id. It is the same after a restart.
    pub id: String,
    /// Location or network of the sensor, as --site names it; null without.
    pub site: Option<String>,
    /// Host name.
    pub hostname: String,
    /// Version of honeyxdp.
    pub version: String,
    /// Git revision of the build, or `unknown`.
    pub revision: String,
    /// Release of the running kernel.
    pub kernel: String,
}

impl Sensor {
    /// The sensor on this machine. Without an `id`, it gets one derived from the machine's id.
    pub fn of_this_machine(id: Option<String>, site: Option<String>) -> Self {
        let uname = rustix::system::uname();
        let hostname = uname.nodename().to_string_lossy().into_owned();
        Self {
            id: id.unwrap_or_else(|| derived_id(&machine_id().unwrap_or_else(|| hostname.clone()))),
            site,
            hostname,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: REVISION.to_owned(),
            kernel: uname.release().to_string_lossy().into_owned(),
        }
    }
}

/// A keyed hash, because machine-id(5) asks not to expose the id itself.
fn derived_id(machine: &str) -> String {
    let hash = Sha256::digest(format!("honeyxdp sensor\0{}", machine.trim()));
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn machine_id() -> Option<String> {
    let id = fs::read_to_string("/etc/machine-id").ok()?;
    (!id.trim().is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_stable_and_does_not_expose_the_machine_id() {
        let machine = "0123456789abcdef0123456789abcdef";
        assert_eq!(derived_id(machine), derived_id(&format!("{machine}\n")));
        assert_ne!(derived_id(machine), derived_id("another"));
        assert_eq!(derived_id(machine).len(), 16);
        assert!(!machine.contains(&derived_id(machine)));
    }
}
