//! Who counted: names that tell sensors apart and give nothing away.

use std::fs;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The sensor. Its addresses are never part of this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sensor {
    /// Stays the same over restarts: given by --sensor-id, else made from the machine's id.
    pub id: String,
    /// Host name.
    pub hostname: String,
    /// Version of honeyxdp.
    pub version: String,
    /// Release of the running kernel.
    pub kernel: String,
}

impl Sensor {
    /// This machine, under the given id or under one made from its own.
    pub fn of_this_machine(id: Option<String>) -> Self {
        let uname = rustix::system::uname();
        let hostname = uname.nodename().to_string_lossy().into_owned();
        Self {
            id: id.unwrap_or_else(|| derived_id(&machine_id().unwrap_or_else(|| hostname.clone()))),
            hostname,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: uname.release().to_string_lossy().into_owned(),
        }
    }
}

/// machine-id(5) asks that the id itself is shown to nobody, hence a keyed hash of it.
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
    fn the_id_is_stable_and_hides_the_machine_id() {
        let machine = "0123456789abcdef0123456789abcdef";
        assert_eq!(derived_id(machine), derived_id(&format!("{machine}\n")));
        assert_ne!(derived_id(machine), derived_id("another"));
        assert_eq!(derived_id(machine).len(), 16);
        assert!(!machine.contains(&derived_id(machine)));
    }
}
