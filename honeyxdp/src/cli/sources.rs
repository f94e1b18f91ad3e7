//! What is kept of sources, on the command line.

use bytesize::ByteSize;

use crate::{
    filter::PortSet,
    sources::{PORTS, Settings},
};

/// Ports that can have their sources counted: a set for each, in five windows.
const MOST_PORTS: usize = 1_024;

/// Which sources are counted, and in how much memory.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Sources")]
pub(super) struct SourceArgs {
    /// Ports whose different sources are counted, besides those of every family
    #[arg(long, value_name = "PORTS", env = "HONEYXDP_PORT_SOURCES", default_value = PORTS)]
    port_sources: Vec<PortSet>,
    /// Memory for sets of sources and pair tests. Beyond it the largest sets are given up, and the snapshot says so
    #[arg(long, value_name = "SIZE", env = "HONEYXDP_MEMORY", default_value = "512MiB")]
    memory: ByteSize,
}

impl SourceArgs {
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        const LEAST: ByteSize = ByteSize::mib(16);
        let ports = self.port_sources.iter().fold(PortSet::none(), |all, ports| all.with(ports));
        let number = ports.iter().count();
        anyhow::ensure!(number <= MOST_PORTS, "--port-sources names {number} ports; name {MOST_PORTS} at most");
        anyhow::ensure!(self.memory >= LEAST, "--memory is {LEAST} or more");
        Ok(Settings { ports, memory: self.memory.as_u64() })
    }
}
