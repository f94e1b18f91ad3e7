//! What a family did in a year.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::{
    HOME, code,
    day::{DayOfFamily, Visit},
    unique::Unique,
};

#[derive(Default)]
pub(super) struct Family {
    /// SYNs of each day by port; may end early.
    ports: BTreeMap<u16, Vec<u64>>,
    flows: BTreeMap<u16, u64>,
    /// SYNs of each day from home; may end early.
    home_packets: Vec<u64>,
    packets_by_country: BTreeMap<[u8; 2], u64>,
    /// SYNs by network: everywhere, at home.
    packets_by_network: BTreeMap<u32, [u64; 2]>,
    pub(super) sources: Unique,
}

impl Family {
    /// Its `at`-th day. Returns its sources, each once and sorted.
    pub(super) fn day(&mut self, at: usize, date: Date, DayOfFamily { ports, mut visits }: DayOfFamily) -> Vec<Visit> {
        for (port, (packets, flows)) in ports {
            *on(self.ports.entry(port).or_default(), at) += packets;
            *self.flows.entry(port).or_default() += flows;
        }
        Visit::merge(&mut visits);
        for Visit { source, packets, .. } in &visits {
            let packets = u64::from(*packets);
            let at_home = if source.country == HOME { packets } else { 0 };
            *on(&mut self.home_packets, at) += at_home;
            *self.packets_by_country.entry(source.country).or_default() += packets;
            let [world, home] = self.packets_by_network.entry(source.network()).or_default();
            *world += packets;
            *home += at_home;
        }
        let sources: Vec<_> = visits.iter().map(|visit| visit.source).collect();
        self.sources.day(date, &sources);
        visits
    }

    /// All of it, of a year with so many days.
    pub(super) fn json(&self, days: usize) -> Value {
        let filled = |values: &[u64]| {
            let mut values = values.to_vec();
            values.resize(days, 0);
            values
        };
        let mut sources_by_network: BTreeMap<u32, [u64; 2]> = BTreeMap::new();
        for source in self.sources.of_year() {
            let [world, home] = sources_by_network.entry(source.network()).or_default();
            *world += 1;
            *home += u64::from(source.country == HOME);
        }
        let ports: BTreeMap<_, _> = self.ports.iter().map(|(port, days)| (port, filled(days))).collect();
        let countries: BTreeMap<_, _> =
            self.packets_by_country.iter().map(|(key, count)| (code(*key), count)).collect();
        json!({
            "packets": self.ports.values().flatten().sum::<u64>(),
            "flows": self.flows.values().sum::<u64>(),
            "packets_by_day_and_port": ports,
            "flows_by_port": self.flows,
            "home_packets_by_day": filled(&self.home_packets),
            "packets_by_country": countries,
            "packets_by_network": self.packets_by_network,
            "sources_by_network": sources_by_network,
            "sources": self.sources.json(),
        })
    }
}

/// The value of a day.
fn on(days: &mut Vec<u64>, at: usize) -> &mut u64 {
    days.resize(days.len().max(at + 1), 0);
    &mut days[at]
}
