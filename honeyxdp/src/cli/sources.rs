//! Flags about sources.

use bytesize::ByteSize;

use crate::{
    config::Fault,
    filter::PortSet,
    sources::{PORTS, Settings},
};

/// Maximum number of ports whose sources are counted: each takes a set in five windows.
const MOST_PORTS: usize = 1_024;

/// Which sources are counted, and in how much memory.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Sources")]
pub(super) struct SourceArgs {
    /// Ports whose distinct sources are counted. Those of every family always are
    #[arg(long, value_name = "PORTS", env = "HONEYXDP_PORT_SOURCES", default_value = PORTS)]
    port_sources: Vec<PortSet>,
    /// Memory for sets of sources and multi-packet fingerprints. Beyond it the largest sets are evicted, and snapshots count that
    #[arg(long, value_name = "SIZE", env = "HONEYXDP_MEMORY", default_value = "512MiB")]
    memory: ByteSize,
}

impl SourceArgs {
    pub(super) fn settings(&self) -> Result<Settings, Fault> {
        const LEAST: ByteSize = ByteSize::mib(16);
        let ports = self.port_sources.iter().fold(PortSet::none(), |all, ports| all.with(ports));
        let number = ports.iter().count();
        if number > MOST_PORTS {
            return Err(Fault::new(["port-sources"], format!(" has {number} ports: name {MOST_PORTS} at most")));
        }
        if self.memory < LEAST {
            return Err(Fault::new(["memory"], format!(" is {}: set {LEAST} at least", self.memory)));
        }
        Ok(Settings { ports, memory: self.memory.as_u64() })
    }
}
