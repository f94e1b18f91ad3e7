//! What is in the year, counted while it is made.

use std::collections::{BTreeMap, HashSet};

use jiff::civil::Date;
use serde_json::{Value, json};

use crate::population::Source;

/// The port whose sources are told apart by kind.
const KINDS_AT: u16 = 52869;
/// The home country.
const HOME: [u8; 2] = *b"JP";

/// What a family did.
#[derive(Default)]
struct Family {
    /// SYNs of each day by port.
    ports: BTreeMap<u16, Vec<u64>>,
    /// Unique sources of each day by country.
    countries: BTreeMap<[u8; 2], Vec<u64>>,
    sources: Vec<u64>,
    packets: u64,
    flows: u64,
    all: HashSet<Source2>,
    month: HashSet<u64>,
    months: Vec<u64>,
}

/// A source with its place, to be put into a set.
type Source2 = (u64, [u8; 2]);

/// What happened on one day.
#[derive(Default)]
pub(crate) struct Day {
    /// Sources by family, with repetitions.
    sources: BTreeMap<&'static str, Vec<Source>>,
    ports: BTreeMap<(&'static str, u16), u64>,
    flows: BTreeMap<&'static str, u64>,
    knocks: Vec<Source>,
}

impl Day {
    pub(crate) fn row(&mut self, family: &'static str, source: Source, port: u16, packets: u32) {
        *self.ports.entry((family, port)).or_default() += u64::from(packets);
        *self.flows.entry(family).or_default() += 1;
        let sources = self.sources.entry(family).or_default();
        if sources.last() != Some(&source) {
            sources.push(source);
        }
        if port == KINDS_AT {
            self.knocks.push(source);
        }
    }
}

/// The truth of the year.
#[derive(Default)]
pub(crate) struct Truth {
    dates: Vec<Date>,
    families: BTreeMap<&'static str, Family>,
    /// Unique sources of each day by kind: in the world, at home.
    kinds: BTreeMap<&'static str, [Vec<u64>; 2]>,
    rows: u64,
    packets: BTreeMap<&'static str, u64>,
}

impl Truth {
    /// A day is over. Days come in order.
    pub(crate) fn day(&mut self, date: Date, mut day: Day) {
        let at = self.dates.len();
        if date.day() == 1 {
            self.end_of_month();
        }
        self.dates.push(date);
        for family in self.families.values_mut() {
            family.sources.push(0);
        }
        for ((name, port), packets) in &day.ports {
            let family = self.families.entry(name).or_default();
            family.sources.resize(at + 1, 0);
            let days = family.ports.entry(*port).or_default();
            days.resize(at + 1, 0);
            days[at] += packets;
            family.packets += packets;
        }
        for (name, flows) in &day.flows {
            self.families.entry(name).or_default().flows += flows;
            self.rows += flows;
        }
        for (name, sources) in &mut day.sources {
            sources.sort_unstable();
            sources.dedup();
            let family = self.families.entry(name).or_default();
            family.sources[at] = sources.len() as u64;
            for source in sources {
                let days = family.countries.entry(source.country).or_default();
                days.resize(at + 1, 0);
                days[at] += 1;
                family.all.insert((source.key, source.country));
                family.month.insert(source.key);
            }
        }
        day.knocks.sort_unstable();
        day.knocks.dedup();
        for source in &day.knocks {
            let is = |name: &str| day.sources.get(name).is_some_and(|sources| sources.binary_search(source).is_ok());
            let kind = if is("mirai") {
                "mirai"
            } else if is("hajime") {
                "hajime"
            } else if is("nmap") || is("masscan") {
                "tool"
            } else {
                "unknown"
            };
            let [world, home] = self.kinds.entry(kind).or_default();
            for (days, counts) in [(world, true), (home, source.country == HOME)] {
                days.resize(at + 1, 0);
                days[at] += u64::from(counts);
            }
        }
    }

    /// What a sensor's rows hold, for its account of losses.
    pub(crate) fn sensor(&mut self, sensor: &'static str, packets: u64) {
        *self.packets.entry(sensor).or_default() += packets;
    }

    fn end_of_month(&mut self) {
        let months = self.families.values().map(|family| family.months.len()).max().unwrap_or(0);
        for family in self.families.values_mut() {
            if !self.dates.is_empty() {
                family.months.resize(months, 0);
                family.months.push(std::mem::take(&mut family.month).len() as u64);
            }
        }
    }

    /// Mirai's sources of the whole year.
    pub(crate) fn mirai_sources(&self) -> usize {
        self.families.get("mirai").map_or(0, |family| family.all.len())
    }

    /// All of it.
    pub(crate) fn json(mut self, surveys: Vec<Value>, lists: Value) -> Value {
        self.end_of_month();
        let days = self.dates.len();
        let filled = |values: &[u64]| {
            let mut values = values.to_vec();
            values.resize(days, 0);
            values
        };
        let code = |country: &[u8; 2]| String::from_utf8_lossy(country).into_owned();
        let families: BTreeMap<&str, Value> = self
            .families
            .iter()
            .map(|(name, family)| {
                let ports: BTreeMap<_, _> =
                    family.ports.iter().map(|(port, days)| (port.to_string(), filled(days))).collect();
                let countries: BTreeMap<_, _> =
                    family.countries.iter().map(|(country, days)| (code(country), filled(days))).collect();
                let mut by_country: BTreeMap<String, u64> = BTreeMap::new();
                for (_, country) in &family.all {
                    *by_country.entry(code(country)).or_default() += 1;
                }
                let value = json!({
                    "packets": family.packets,
                    "flows": family.flows,
                    "sources": family.all.len(),
                    "ipv6": family.all.iter().filter(|(key, _)| *key >= 1 << 32).count(),
                    "home": family.all.iter().filter(|(_, country)| *country == HOME).count(),
                    "sources_by_country": by_country,
                    "sources_by_month": family.months,
                    "sources_by_day": filled(&family.sources),
                    "packets_by_day_and_port": ports,
                    "sources_by_day_and_country": countries,
                });
                (*name, value)
            })
            .collect();
        let place = |at: usize| -> BTreeMap<&str, Vec<u64>> {
            self.kinds.iter().map(|(kind, places)| (*kind, filled(&places[at]))).collect()
        };
        json!({
            "rows": self.rows,
            "home": code(&HOME),
            "days": self.dates.iter().map(Date::to_string).collect::<Vec<_>>(),
            "families": families,
            "kinds": {KINDS_AT.to_string(): {"world": place(0), "home": place(1)}},
            "packets_by_sensor": self.packets,
            "surveys": surveys,
            "lists": lists,
        })
    }
}
