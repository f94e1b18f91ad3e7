//! What a sensor does with SYNs: which it counts and records, and whether they go on.

use std::{collections::BTreeMap, num::NonZeroU32};

use honeyxdp_common::Family;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Filters;

/// What happens to a counted SYN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It goes on to the network stack.
    #[default]
    Pass,
    /// It is dropped before the network stack.
    Drop,
}

/// Everything about filters that can be changed while a sensor runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which SYNs are counted.
    pub filters: Filters,
    /// What happens to those.
    pub verdict: Verdict,
    /// Flow records are kept of one counted SYN in this many.
    pub sample_records: NonZeroU32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { filters: Filters::default(), verdict: Verdict::Pass, sample_records: NonZeroU32::MIN }
    }
}

impl Policy {
    /// What a snapshot has of it. Addresses stay out of it: it has their number.
    pub fn report(&self) -> BTreeMap<String, Value> {
        let filters = &self.filters;
        let mut report = BTreeMap::new();
        let mut add = |key: &str, set: bool, value: Value| {
            if set {
                report.insert(key.to_owned(), value);
            }
        };
        let counted = Family::ALL.iter().filter(|family| filters.of_family(**family).is_none());
        let names: Vec<&str> = counted.map(|family| family.name()).collect();
        let (destinations, sources) = (filters.destinations.len(), filters.ignored_sources.len());
        let addresses = filters.public_addresses.len();
        add("port", !filters.ports.is_all(), filters.ports.to_string().into());
        add("family", names.len() < Family::ALL.len(), names.into());
        add("dst", destinations > 0, json!({ "prefixes": destinations }));
        add("ignore_src", sources > 0, json!({ "prefixes": sources }));
        add("public_addr", addresses > 0, json!({ "addresses": addresses }));
        add("verdict", self.verdict == Verdict::Drop, "drop".into());
        add("sample_records", self.sample_records.get() > 1, self.sample_records.get().into());
        report
    }

    /// The same on one line.
    pub fn summary(&self) -> String {
        let report = self.report();
        let parts: Vec<String> = report.iter().map(|(name, value)| format!("{name} {value}")).collect();
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    }
}
