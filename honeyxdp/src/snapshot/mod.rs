//! The document for scripts: `honeyxdp.snapshot/2`.
//!
//! A snapshot is bounded: a list holds its first entries, and a field beside the list sums up the rest. No key comes from
//! traffic. New keys may be added; a change in the meaning of a key gets a new schema name. docs/reference/snapshot.md explains the
//! document, and docs/snapshot.schema.json is generated from these types.

#[cfg(test)]
mod bounds;
mod build;
mod limit;
mod payloads;
mod resume;
mod sensor;
pub mod store;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::sources::{
    AttributedReport, MemoryReport, PortSources, UniqueSources, WindowFamily, WindowPort, WindowReport, Windows,
};
pub use build::{Recorder, Run, Span};
pub use limit::{FAMILY_PORTS, PortLimit};
pub use payloads::{Captured, ClassificationReport, OtherClassifications, Payloads, Responder};
pub use resume::Resumed;
pub use sensor::{REVISION, Sensor, VERSION};

/// Name and version of the schema.
pub const SCHEMA: &str = "honeyxdp.snapshot/2";
/// Identifier of the JSON Schema.
pub const SCHEMA_ID: &str = "urn:honeyxdp:snapshot:2";

/// All counters at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "honeyxdp.snapshot/2", extend("$id" = SCHEMA_ID))]
pub struct Snapshot {
    /// Always `honeyxdp.snapshot/2`.
    pub schema: String,
    /// Time of writing, UTC.
    pub generated_at: Timestamp,
    /// Start of the cumulative counters, UTC. For a replayed capture, the time of its first packet.
    pub started_at: Timestamp,
    /// Number of the snapshot in its directory, from 1. The file in history/ has the same number.
    pub sequence: u64,
    /// The sensor.
    pub sensor: Sensor,
    /// Interfaces with the program attached; empty for a replayed capture.
    pub interfaces: Vec<InterfaceReport>,
    /// All frames since `started_at`.
    pub frames: Frames,
    /// SYNs by family since `started_at`. Every family is listed, in a fixed order.
    pub families: Vec<FamilyReport>,
    /// SYNs by destination port since `started_at`: the ports with the most SYNs, in falling order.
    pub ports: Vec<PortReport>,
    /// Ports that `ports` does not list.
    pub other_ports: OtherPorts,
    /// SYNs since `started_at` of sources that a multi-packet fingerprint attributed. `families` counts the same SYNs
    /// under the fingerprint that each matches by itself.
    pub attributed: Vec<AttributedReport>,
    /// Flow records since `started_at`.
    pub records: Records,
    /// First payloads since `started_at`; null without --observe and --respond.
    pub payloads: Option<Payloads>,
    /// Distinct sources in the current and the previous hour and day, UTC.
    pub windows: Windows,
    /// Filters in force; empty when every SYN is counted. Address filters are shown as a number of prefixes.
    pub filters: BTreeMap<String, serde_json::Value>,
    /// Memory for sets of sources.
    pub memory: MemoryReport,
    /// Counts since the previous snapshot.
    pub interval: Interval,
}

/// Counts since the previous snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Time of the previous snapshot by the wall clock as it is set now. It differs from the previous `end` if the clock
    /// was set in between.
    pub start: Timestamp,
    /// Time of this snapshot by the wall clock.
    pub end: Timestamp,
    /// Length by the monotonic clock, in seconds. Divide by this for rates.
    pub seconds: f64,
    /// Frames of the interval.
    pub frames: Frames,
    /// SYNs by family.
    pub families: Vec<FamilyReport>,
    /// The ports with the most SYNs in the interval.
    pub ports: Vec<PortReport>,
    /// Ports that `ports` does not list.
    pub other_ports: OtherPorts,
    /// SYNs of attributed sources.
    pub attributed: Vec<AttributedReport>,
    /// Flow records.
    pub records: Records,
    /// First payloads.
    pub payloads: Option<Payloads>,
}

/// Finds entries of the lists by name or port. `$whole` is a snapshot or an interval.
macro_rules! lookups {
    ($whole:ty) => {
        impl $whole {
            /// The family with this name.
            ///
            /// # Panics
            /// Panics if there is no such family.
            pub fn family(&self, name: &str) -> &FamilyReport {
                self.find_family(name).unwrap_or_else(|| panic!("there is no family {name}"))
            }

            /// The family with this name, if the document lists it.
            pub fn find_family(&self, name: &str) -> Option<&FamilyReport> {
                self.families.iter().find(|family| family.name == name)
            }

            /// A port, if the document lists it.
            pub fn port(&self, port: u16) -> Option<&PortReport> {
                self.ports.iter().find(|report| report.port == port)
            }

            /// Number of ports with at least one SYN, listed or not.
            pub fn ports_seen(&self) -> u64 {
                self.ports.len() as u64 + self.other_ports.ports
            }

            /// SYNs to all ports, listed or not.
            pub fn port_packets(&self) -> u64 {
                self.ports.iter().map(|report| report.packets).sum::<u64>() + self.other_ports.packets
            }

            /// The attribution to a family by a multi-packet fingerprint, if the document lists it.
            pub fn attribution(&self, name: &str) -> Option<&AttributedReport> {
                self.attributed.iter().find(|report| report.name == name)
            }
        }
    };
}

lookups!(Snapshot);
lookups!(Interval);

/// An interface with the program attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InterfaceReport {
    /// Name.
    pub name: String,
    /// Index in the kernel.
    pub index: u32,
    /// Attach mode, as the kernel reports it.
    pub mode: ModeReport,
    /// Kernel id of the program.
    pub program_id: u32,
    /// Kernel hash of the program's instructions, 16 hexadecimal digits.
    pub program_tag: String,
    /// Frames since `started_at`, by disposition. Frames of a removed interface are only in the sums of the snapshot.
    pub frames: BTreeMap<String, u64>,
    /// SYNs since `started_at`, by family.
    pub families: Vec<FamilyPackets>,
}

/// Attach mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModeReport {
    /// In the driver.
    Native,
    /// In the network stack.
    Generic,
}

/// Frames. Each has exactly one disposition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frames {
    /// Number of frames: the sum of `dispositions`.
    pub seen: u64,
    /// Bytes of all frames, without the frame check sequence.
    pub bytes: u64,
    /// Frames by disposition.
    pub dispositions: BTreeMap<String, u64>,
    /// Frames with disposition `filtered`, by the filter that removed them.
    pub filtered: BTreeMap<String, u64>,
}

/// SYNs of one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FamilyReport {
    /// Family.
    pub name: String,
    /// Id and version of the fingerprint, as in docs/use/fingerprints.md.
    pub rule: String,
    /// Fingerprint for SYNs over IPv6, if it is a different one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule_v6: Option<String>,
    /// Confidence of the fingerprint: A to D.
    pub confidence: String,
    /// SYNs counted under this family, IPv4 and IPv6.
    pub packets: u64,
    /// SYNs among `packets` that came over IPv6.
    pub packets_v6: u64,
    /// SYNs that match the fingerprint, including those counted under a family with precedence.
    pub matched: u64,
    /// Distinct source addresses.
    pub unique_sources: UniqueSources,
    /// The family's ten most frequent ports, in falling order. The ports of the snapshot list all families of a port.
    pub ports: Vec<PortPackets>,
    /// Ports of the family that `ports` does not list.
    pub other_ports: OtherPorts,
}

impl FamilyReport {
    /// SYNs to one port, if the report lists it.
    pub fn port(&self, port: u16) -> Option<u64> {
        self.ports.iter().find(|entry| entry.port == port).map(|entry| entry.packets)
    }
}

/// SYNs to one destination port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortReport {
    /// Destination port.
    pub port: u16,
    /// SYNs of all families.
    pub packets: u64,
    /// SYNs by family, in falling order; only families with at least one.
    pub families: Vec<FamilyPackets>,
    /// Distinct source addresses; absent if --port-sources does not include the port.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unique_sources: Option<PortSources>,
}

/// SYNs to one port, of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortPackets {
    /// Destination port.
    pub port: u16,
    /// SYNs.
    pub packets: u64,
}

/// SYNs of one family, to one port or on one interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FamilyPackets {
    /// Family.
    pub name: String,
    /// SYNs.
    pub packets: u64,
}

/// Ports that a list leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OtherPorts {
    /// Number of ports. In the first interval after a restart this is an upper bound.
    pub ports: u64,
    /// SYNs to these ports.
    pub packets: u64,
}

/// Flow records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Records {
    /// Records handed to user space.
    pub emitted: u64,
    /// SYNs in these records.
    pub packets: u64,
    /// Records dropped because the ring was full.
    pub lost: u64,
    /// SYNs in lost records, and in records that a killed process had read and not yet reported.
    pub lost_packets: u64,
    /// SYNs that --sample-records left out.
    pub sampled_out_packets: u64,
}

/// The JSON Schema of a snapshot, generated from these types.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Snapshot).to_value()
}
