//! Results of the source tracker, as snapshots and live views show them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Distinct source addresses, with an estimate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UniqueSources {
    /// Number of addresses; a lower bound if `exact` is false.
    pub value: u64,
    /// Whether `value` is exact. Lost records, sampling and evicted sets make it inexact; `estimate` holds all the same.
    pub exact: bool,
    /// HyperLogLog estimate with a standard error of 0.41 %. It needs no records.
    pub estimate: u64,
}

/// Distinct source addresses, without an estimate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortSources {
    /// Number of addresses; a lower bound if `exact` is false.
    pub value: u64,
    /// Whether `value` is exact.
    pub exact: bool,
}

/// SYNs of sources that a multi-packet fingerprint attributed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttributedReport {
    /// Family.
    pub name: String,
    /// Id and version of the multi-packet fingerprint.
    pub rule: String,
    /// All SYNs of these sources, including those before the match.
    pub packets: u64,
    /// Distinct source addresses.
    pub unique_sources: PortSources,
}

/// Distinct sources by hour and by day, UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Windows {
    /// Current hour, so far.
    pub hour: WindowReport,
    /// Hour before it; null until one is complete.
    pub last_hour: Option<WindowReport>,
    /// Current day, so far.
    pub day: WindowReport,
    /// Day before it; null until one is complete.
    pub last_day: Option<WindowReport>,
}

/// Distinct sources in one hour or day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowReport {
    /// Start of the hour or day, UTC.
    pub start: Timestamp,
    /// Start of counting; later than `start` if the sensor started within the window.
    pub since: Timestamp,
    /// Families with at least one source.
    pub families: Vec<WindowFamily>,
    /// Watched ports with at least one source: the ones with the most sources.
    pub ports: Vec<WindowPort>,
    /// Watched ports with at least one source that `ports` does not list.
    pub other_ports: u64,
}

impl WindowReport {
    /// Sources of a family, if it has any in the window.
    pub fn family(&self, name: &str) -> Option<&UniqueSources> {
        self.families.iter().find(|family| family.name == name).map(|family| &family.unique_sources)
    }

    /// Sources of a port, if the window lists it.
    pub fn port(&self, port: u16) -> Option<&PortSources> {
        self.ports.iter().find(|entry| entry.port == port).map(|entry| &entry.unique_sources)
    }

    /// Lists at most `most` ports: those with the most sources.
    pub(crate) fn limited(mut self, most: usize) -> Self {
        self.ports.sort_by_key(|entry| (std::cmp::Reverse(entry.unique_sources.value), entry.port));
        self.other_ports += self.ports.len().saturating_sub(most) as u64;
        self.ports.truncate(most);
        self
    }
}

/// Sources of one family in a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowFamily {
    /// Family.
    pub name: String,
    /// Distinct source addresses.
    pub unique_sources: UniqueSources,
}

/// Sources of one port in a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowPort {
    /// Destination port.
    pub port: u16,
    /// Distinct source addresses.
    pub unique_sources: PortSources,
}

/// Memory for sets of sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryReport {
    /// Limit for sets of sources and multi-packet fingerprints, bytes.
    pub limit: u64,
    /// Approximate size of the sets, bytes.
    pub sets: u64,
    /// Sets evicted for lack of memory since `started_at`. Their numbers are inexact until their window ends.
    pub sets_evicted: u64,
    /// SYNs since `started_at` that no multi-packet fingerprint examined, for lack of memory.
    pub pair_test_skipped: u64,
}
