//! Who a source is by the ports that it knocks at on one day: profiles, and kinds of malware.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::{day::Visit, unique::Unique};
use crate::population::Source;

/// Ports whose sources are told apart by kind.
const KINDS_AT: [u16; 2] = [23, 52869];

/// Sets of ports: those of contrib/profiles.toml, said once more, and one of any family. Name, family, ports, how many of them.
const PROFILES: [(&str, Option<&str>, &[u16], u32); 4] = [
    ("fbot-moobot", Some("mirai"), &[9000, 9527, 34567, 60001], 2),
    ("satori", Some("mirai"), &[37215, 52869], 2),
    ("hajime-ports", Some("hajime"), &[23, 5358, 5555, 7547, 8291], 2),
    ("anybody", None, &[23, 80, 52869], 2),
];

/// The ports that are looked at.
const PORTS: [u16; 12] = [23, 80, 5358, 5555, 7547, 8291, 9000, 9527, 34567, 37215, 52869, 60001];

/// The bit of a port, 0 for one that is not looked at.
pub(super) fn bit(port: u16) -> u16 {
    PORTS.binary_search(&port).map_or(0, |place| 1 << place)
}

/// Those whose ports matter.
#[derive(Default)]
pub(super) struct Knocks {
    kinds: BTreeMap<(u16, String), Unique>,
    profiles: BTreeMap<&'static str, Unique>,
}

impl Knocks {
    /// The sources of a day by family; each once per family, and sorted. `shown` is what some of them are by their payloads.
    pub(super) fn day(
        &mut self,
        date: Date,
        families: &BTreeMap<&'static str, Vec<Visit>>,
        shown: &BTreeMap<Source, String>,
    ) {
        let mut anybody: Vec<Visit> = families.values().flatten().copied().collect();
        Visit::merge(&mut anybody);
        for (name, family, ports, at_least) in PROFILES {
            let bits = ports.iter().fold(0, |bits, port| bits | bit(*port));
            let visits = family.map_or(Some(&anybody), |family| families.get(family));
            let matches = visits.into_iter().flatten().filter(|visit| (visit.ports & bits).count_ones() >= at_least);
            let matches: Vec<Source> = matches.map(|visit| visit.source).collect();
            if !matches.is_empty() {
                self.profiles.entry(name).or_default().day(date, &matches);
            }
        }
        let is = |source: Source, family: &str| {
            let visits = families.get(family);
            visits.is_some_and(|visits| visits.binary_search_by_key(&source, |visit| visit.source).is_ok())
        };
        for port in KINDS_AT {
            let mut kinds: BTreeMap<&str, Vec<Source>> = BTreeMap::new();
            for Visit { source, .. } in anybody.iter().filter(|visit| visit.ports & bit(port) != 0) {
                let kind = if let Some(shown) = shown.get(source) {
                    shown
                } else if is(*source, "mirai") {
                    "mirai"
                } else if is(*source, "hajime") {
                    "hajime"
                } else if is(*source, "nmap") || is(*source, "masscan") {
                    "tool"
                } else {
                    "unknown"
                };
                kinds.entry(kind).or_default().push(*source);
            }
            for (kind, sources) in kinds {
                self.kinds.entry((port, kind.to_owned())).or_default().day(date, &sources);
            }
        }
    }

    /// Counts by port and kind, and by profile.
    pub(super) fn json(&self) -> (Value, Value) {
        let mut kinds = json!({});
        for ((port, kind), unique) in &self.kinds {
            kinds[port.to_string()][kind] = unique.json();
        }
        let profiles: BTreeMap<_, _> = self.profiles.iter().map(|(name, unique)| (name, unique.json())).collect();
        (kinds, json!(profiles))
    }
}
