//! What a sensor does with SYNs: which it counts and records, and whether they go on.

use std::{collections::BTreeMap, num::NonZeroU32};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{FilterName, Filters};

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
        let words = self.filters.words();
        let set = words.iter().filter(|(_, values)| !values.is_empty());
        let mut report: BTreeMap<String, Value> = set
            .map(|(name, values)| {
                let value = match name {
                    FilterName::Port | FilterName::IgnorePort => values.join(",").into(),
                    FilterName::Family | FilterName::IgnoreFamily => values.into(),
                    FilterName::Dst | FilterName::IgnoreSrc => json!({ "prefixes": values.len() }),
                    FilterName::PublicAddr => json!({ "addresses": values.len() }),
                };
                (name.key(), value)
            })
            .collect();
        if self.verdict == Verdict::Drop {
            report.insert("verdict".to_owned(), "drop".into());
        }
        if self.sample_records.get() > 1 {
            report.insert("sample_records".to_owned(), self.sample_records.get().into());
        }
        report
    }

    /// The same on one line.
    pub fn summary(&self) -> String {
        let report = self.report();
        let parts: Vec<String> = report.iter().map(|(name, value)| format!("{name} {value}")).collect();
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    }
}
