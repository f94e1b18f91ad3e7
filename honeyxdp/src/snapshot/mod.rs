//! The document that scripts read: `honeyxdp.snapshot/1`.
//!
//! Keys are only ever added to it; a change of what a key means gets a new schema name. docs/snapshot.md explains it,
//! docs/snapshot.schema.json is generated from these types.

mod build;
mod payloads;
mod published;
mod sensor;
pub mod store;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use build::{Recorder, Run, Span};
pub use payloads::{Captured, PayloadLabel, Payloads, Responder};
pub use published::published;
pub use sensor::Sensor;

/// Name and version of the schema.
pub const SCHEMA: &str = "honeyxdp.snapshot/1";

/// Everything that was counted, up to one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "honeyxdp.snapshot/1")]
pub struct Snapshot {
    /// Always `honeyxdp.snapshot/1`.
    pub schema: String,
    /// When it was written, UTC.
    pub generated_at: Timestamp,
    /// Since when the cumulative counters count, UTC. For a replayed capture: the time of its first packet.
    pub started_at: Timestamp,
    /// Counts the snapshots of this directory, from 1 on; the name of the file in history/ has the same number.
    pub sequence: u64,
    /// Who counted.
    pub sensor: Sensor,
    /// What it listens on; empty for a replayed capture.
    pub interfaces: Vec<InterfaceReport>,
    /// All frames since `started_at`.
    pub frames: Frames,
    /// SYNs by family since `started_at`. Every family is there, also one that was not seen.
    pub families: BTreeMap<String, FamilyReport>,
    /// SYNs by destination port since `started_at`. Only ports that were seen.
    pub ports: BTreeMap<u16, PortReport>,
    /// SYNs since `started_at` whose source two of its SYNs together give away, by family. They are counted above under
    /// the family that each SYN shows by itself.
    pub attributed: BTreeMap<String, AttributedReport>,
    /// Flow records since `started_at`; null from a version that made none.
    pub records: Option<Records>,
    /// First payloads since `started_at`; null where nobody looks at them.
    #[serde(default)]
    pub payloads: Option<Payloads>,
    /// Different sources in the present and the last hour and day, UTC.
    pub windows: Windows,
    /// Filters in force; empty when every SYN is counted. Of addresses it says only how many there are.
    pub filters: BTreeMap<String, serde_json::Value>,
    /// Memory for sets of sources.
    pub memory: MemoryReport,
    /// The same for the time since the snapshot before.
    pub interval: Interval,
}

/// An interface that the sensor is attached to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InterfaceReport {
    /// Its name.
    pub name: String,
    /// Its index in the kernel.
    pub index: u32,
    /// How the program is attached, as the kernel reports it.
    pub mode: ModeReport,
    /// The kernel's id of the program.
    pub program_id: u32,
    /// The kernel's hash over the program's instructions, 16 hexadecimal digits.
    pub program_tag: String,
    /// Its frames since `started_at`, by what became of them. What an interface counted that is gone is only in the sums.
    #[serde(default)]
    pub dispositions: BTreeMap<String, u64>,
    /// Its SYNs since `started_at`, by family.
    #[serde(default)]
    pub families: BTreeMap<String, u64>,
}

/// Where the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModeReport {
    /// In the driver.
    Native,
    /// In the network stack.
    Generic,
}

/// Frames, each in exactly one disposition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frames {
    /// Frames: the sum of the dispositions.
    pub seen: u64,
    /// Bytes of all frames, without the check sequence.
    pub bytes: u64,
    /// Frames by what became of them.
    pub dispositions: BTreeMap<String, u64>,
    /// Those with disposition `filtered`, by the filter that took them out.
    pub filtered: BTreeMap<String, u64>,
}

/// SYNs of one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FamilyReport {
    /// Id and version of the rule, as docs/marks.md lists it.
    pub rule: String,
    /// Rule for SYNs over IPv6, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule_v6: Option<String>,
    /// SYNs counted under this family, IPv4 and IPv6.
    pub packets: u64,
    /// Those of them that came over IPv6.
    pub packets_v6: u64,
    /// SYNs that carry the family's mark, also those counted under another family that goes first.
    pub matched: u64,
    /// `packets` by destination port.
    pub ports: BTreeMap<u16, u64>,
    /// Different source addresses; null from a version that did not look at them.
    pub unique_sources: Option<UniqueSources>,
}

/// Different source addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UniqueSources {
    /// How many. If it is not exact: how many there were at least.
    pub value: u64,
    /// Whether `value` is exact. It is not when records were lost or left out, or when there was no memory for the set;
    /// then `estimate` holds.
    pub exact: bool,
    /// HyperLogLog's estimate, from registers that see every SYN: standard error 0.41 %.
    pub estimate: u64,
}

/// Different source addresses, without an estimate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortSources {
    /// How many. If it is not exact: how many there were at least.
    pub value: u64,
    /// Whether `value` is exact.
    pub exact: bool,
}

/// SYNs whose source a pair test attributed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttributedReport {
    /// Id and version of the pair rule, as docs/marks.md lists it.
    pub rule: String,
    /// All SYNs of these sources, those before the pair included.
    pub packets: u64,
    /// Different source addresses.
    pub unique_sources: PortSources,
}

/// Different sources by hour and by day, UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Windows {
    /// The present hour, so far.
    pub hour: WindowReport,
    /// The hour before it; null as long as there was none.
    pub last_hour: Option<WindowReport>,
    /// The present day, so far.
    pub day: WindowReport,
    /// The day before it; null as long as there was none.
    pub last_day: Option<WindowReport>,
}

/// Different sources in one hour or day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowReport {
    /// When it begins, UTC.
    pub start: Timestamp,
    /// Since when it is counted: later than `start` if the sensor was started in it.
    pub since: Timestamp,
    /// By family; only those that were seen.
    pub families: BTreeMap<String, UniqueSources>,
    /// By watched port; only those that were seen.
    pub ports: BTreeMap<u16, PortSources>,
}

/// Memory for sets of sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryReport {
    /// What sets of sources and pair tests may take, bytes.
    pub limit: u64,
    /// What the sets take, about, bytes.
    pub sets: u64,
    /// Sets that were given up for want of memory, since `started_at`. What they counted is not exact until their time
    /// is over.
    pub sets_evicted: u64,
    /// SYNs since `started_at` that no pair test looked at, for want of memory.
    pub pair_test_skipped: u64,
}

/// SYNs to one destination port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortReport {
    /// All of them.
    pub packets: u64,
    /// By primary family; only those that were seen.
    pub families: BTreeMap<String, u64>,
    /// Different source addresses, if the port is one whose sources are counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unique_sources: Option<PortSources>,
}

/// Flow records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Records {
    /// Records handed to user space.
    pub emitted: u64,
    /// SYNs in them.
    pub packets: u64,
    /// Records that found no room.
    pub lost: u64,
    /// SYNs in those, and in records that a killed process had read and not yet reported.
    pub lost_packets: u64,
    /// SYNs that --sample-records left out.
    pub sampled_out_packets: u64,
}

/// What came in since the snapshot before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// When the snapshot before was made, by the wall clock as it is now: if that was set meanwhile, another time than the
    /// `end` of the interval before.
    pub start: Timestamp,
    /// When the counters were read, by the wall clock.
    pub end: Timestamp,
    /// Seconds between them by a clock that nobody sets: the one to divide by.
    pub seconds: f64,
    /// As above.
    pub frames: Frames,
    /// As above.
    pub families: BTreeMap<String, FamilyReport>,
    /// As above.
    pub ports: BTreeMap<u16, PortReport>,
    /// As above.
    pub attributed: BTreeMap<String, AttributedReport>,
    /// As above.
    pub records: Option<Records>,
    /// As above.
    #[serde(default)]
    pub payloads: Option<Payloads>,
}

/// The JSON Schema of a snapshot, generated from these types.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Snapshot).to_value()
}
