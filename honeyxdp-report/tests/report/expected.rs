//! The tables of a report as the truth of a year has them. Each row is the text of its columns, in their order.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use honeyxdp_report::period::Step;
use jiff::civil::Date;
use serde_json::{Map, Value as Json};

use crate::payloads;

pub(crate) type Rows = BTreeSet<Vec<String>>;

const TOP: usize = 10;

pub(crate) fn number(value: &Json) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

pub(crate) fn object(value: &Json) -> &Map<String, Json> {
    value.as_object().unwrap_or_else(|| panic!("{value} is no object"))
}

pub(crate) fn row(values: &[&dyn ToString]) -> Vec<String> {
    values.iter().map(|value| value.to_string()).collect()
}

/// The code of a country; sources whose country is not known have none.
fn shown(country: &str) -> &str {
    if country == "ZZ" { "-" } else { country }
}

/// Names with counts by their places from 1 on: the highest count first, names in order where it is the same.
fn ranked<Name: Ord + Clone>(counts: &BTreeMap<Name, u64>) -> Vec<(usize, Name, u64)> {
    let mut ranked: Vec<_> = counts.iter().map(|(name, count)| (name.clone(), *count)).collect();
    ranked.sort_by_key(|(name, count)| (Reverse(*count), name.clone()));
    ranked.into_iter().enumerate().map(|(at, (name, count))| (at + 1, name, count)).collect()
}

fn best<Name: Ord + Clone>(counts: &BTreeMap<Name, u64>) -> BTreeSet<Name> {
    ranked(counts).into_iter().take(TOP).map(|(_, name, _)| name).collect()
}

fn median(mut values: Vec<u64>) -> String {
    values.sort_unstable();
    let sum = values[(values.len() - 1) / 2] + values[values.len() / 2];
    if sum.is_multiple_of(2) { (sum / 2).to_string() } else { format!("{}.5", sum / 2) }
}

/// What is known of a year.
#[derive(Clone, Copy)]
pub(crate) struct Year<'a>(pub(crate) &'a Json);

impl<'a> Year<'a> {
    pub(crate) fn of(truth: &'a Json, year: &str) -> Self {
        Self(&truth["years"][year])
    }

    pub(crate) fn days(self) -> Vec<Date> {
        self.0["days"].as_array().unwrap().iter().map(|day| day.as_str().unwrap().parse().unwrap()).collect()
    }

    pub(crate) fn families(self) -> impl Iterator<Item = (&'a str, Family<'a>)> {
        let days = self.days();
        object(&self.0["families"]).iter().map(move |(name, family)| (name.as_str(), Family(family, days.clone())))
    }

    /// All tables of one period with these buckets.
    pub(crate) fn tables(self, step: Step) -> BTreeMap<&'static str, Rows> {
        let of_families = |rows: &dyn Fn(&str, &Family<'_>) -> Vec<Vec<String>>| -> Rows {
            self.families().flat_map(|(name, family)| rows(name, &family)).collect()
        };
        let mut tables = BTreeMap::from([
            ("totals", of_families(&|name, family| vec![family.totals(name)])),
            ("packets_by_port", of_families(&|name, family| family.packets_by_port(name, step))),
            ("sources", of_families(&|name, family| family.sources(name, step))),
            ("sources_by_country", of_families(&|name, family| family.sources_by_country(name, step))),
            ("kinds", self.kinds(step)),
            ("profiles", self.profiles(step)),
            ("profile_totals", self.profile_totals()),
            ("peaks", of_families(&|name, family| vec![family.peak(name)])),
            ("new_ports_by_month", of_families(&|name, family| family.new_ports_by_month(name))),
            ("countries", of_families(&|name, family| family.countries(name))),
            ("networks", of_families(&|name, family| family.networks(name))),
            ("port_totals", of_families(&|name, family| family.port_totals(name))),
            ("losses", self.losses()),
        ]);
        tables.extend(payloads::tables(self, step));
        tables
    }

    fn kinds(self, step: Step) -> Rows {
        let mut rows = Rows::new();
        for (port, kinds) in object(&self.0["kinds"]) {
            for (kind, unique) in object(kinds) {
                let buckets = object(&unique[step.name()]).iter();
                rows.extend(buckets.map(|(begin, count)| row(&[begin, port, kind, &count["sources"], &count["home"]])));
            }
        }
        rows
    }

    fn profiles(self, step: Step) -> Rows {
        let mut rows = Rows::new();
        for (profile, unique) in object(&self.0["profiles"]) {
            let buckets = object(&unique[step.name()]).iter();
            rows.extend(buckets.map(|(begin, count)| row(&[begin, profile, &count["sources"], &count["home"]])));
        }
        rows
    }

    fn profile_totals(self) -> Rows {
        let profiles = object(&self.0["profiles"]).iter().map(|(profile, unique)| {
            let (days, year) = (object(&unique["day"]), of_year(unique));
            let countries = object(&year["countries"]).keys().filter(|country| *country != "ZZ").count();
            let source_days: u64 = days.values().map(|count| number(&count["sources"])).sum();
            let (first, last) = (days.keys().min().unwrap(), days.keys().max().unwrap());
            row(&[profile, &year["sources"], &year["home"], &countries, &source_days, first, last])
        });
        profiles.collect()
    }

    fn losses(self) -> Rows {
        let days = self.days().len();
        let sensors = object(&self.0["packets_and_payloads_by_sensor"]).iter();
        let sensors = sensors.map(|(sensor, counts)| {
            let [packets, payloads] = [0, 1].map(|at| number(&counts[at]));
            let syns = packets + 3 * days as u64;
            row(&[sensor, &days, &syns, &packets, &(3 * days), &0, &0, &(11 * days), &payloads, &days])
        });
        sensors.collect()
    }

    /// This year beside another one. `stayed` is how many sources of a family are in both.
    pub(crate) fn against(self, before: Self, stayed: &Json) -> BTreeMap<&'static str, Rows> {
        let (now, before): (BTreeMap<_, _>, BTreeMap<_, _>) = (self.families().collect(), before.families().collect());
        let names: BTreeSet<&str> = now.keys().chain(before.keys()).copied().collect();
        let (mut against, mut countries, mut new_ports) = (Rows::new(), Rows::new(), Rows::new());
        for name in names {
            let both = [now.get(name), before.get(name)];
            let count = |of: fn(&Family<'_>) -> u64| both.map(|family| family.map_or(0, of));
            let [packets, packets_before] = count(|family| number(&family.0["packets"]));
            let [sources, sources_before] = count(|family| number(&family.year()["sources"]));
            let [home, home_before] = count(|family| number(&family.year()["home"]));
            let stayed = stayed[name].as_u64().unwrap_or(0);
            against.insert(row(&[
                &name,
                &packets,
                &packets_before,
                &sources,
                &sources_before,
                &stayed,
                &home,
                &home_before,
            ]));

            let [now, before] = both.map(|family| family.map(Family::known_countries).unwrap_or_default());
            let places = |counts| -> BTreeMap<_, _> {
                ranked(counts).into_iter().map(|(place, name, count)| (name, (place, count))).collect()
            };
            let (now, before) = (places(&now), places(&before));
            for country in now.keys().chain(before.keys()) {
                let (now, before) = (now.get(country), before.get(country));
                if [now, before].into_iter().flatten().any(|(place, _)| *place <= TOP) {
                    let place = |of: Option<&(usize, u64)>| of.map_or("-".to_owned(), |(place, _)| place.to_string());
                    let sources = |of: Option<&(usize, u64)>| of.map_or(0, |(_, sources)| *sources);
                    countries.insert(row(&[
                        &name,
                        country,
                        &place(now),
                        &place(before),
                        &sources(now),
                        &sources(before),
                    ]));
                }
            }
            if let [Some(now), Some(before)] = both {
                let before: BTreeMap<_, _> = ranked(&before.ports())
                    .into_iter()
                    .map(|(place, port, packets)| (port, (place, packets)))
                    .collect();
                for (place, port, packets) in ranked(&now.ports()).into_iter().take(TOP) {
                    match before.get(&port) {
                        Some((place_before, _)) if *place_before <= TOP => {}
                        Some((place_before, before)) => {
                            new_ports.insert(row(&[&name, &port, &place, &packets, place_before, before]));
                        }
                        None => {
                            new_ports.insert(row(&[&name, &port, &place, &packets, &"-", &0]));
                        }
                    }
                }
            }
        }
        BTreeMap::from([("against", against), ("against_countries", countries), ("new_ports", new_ports)])
    }
}

/// The counts of the year's one bucket.
fn of_year(unique: &Json) -> &Json {
    object(&unique["year"]).values().next().unwrap()
}

/// What is known of a family in a year with these days.
pub(crate) struct Family<'a>(pub(crate) &'a Json, Vec<Date>);

impl<'a> Family<'a> {
    pub(crate) fn year(&self) -> &'a Json {
        of_year(&self.0["sources"])
    }

    /// Counts of each day as those of buckets.
    fn by(&self, days: &Json, step: Step) -> BTreeMap<Date, u64> {
        let mut buckets = BTreeMap::new();
        for (day, count) in self.1.iter().zip(days.as_array().unwrap()) {
            *buckets.entry(step.start(*day)).or_default() += number(count);
        }
        buckets
    }

    /// SYNs by port.
    fn ports(&self) -> BTreeMap<u16, u64> {
        let ports = object(&self.0["packets_by_day_and_port"]).iter();
        ports.map(|(port, days)| (port.parse().unwrap(), days.as_array().unwrap().iter().map(number).sum())).collect()
    }

    /// SYNs by bucket and port, where there are any.
    fn ports_by(&self, step: Step) -> BTreeMap<(Date, u16), u64> {
        let mut all = BTreeMap::new();
        for (port, days) in object(&self.0["packets_by_day_and_port"]) {
            let buckets = self.by(days, step).into_iter().filter(|(_, packets)| *packets > 0);
            all.extend(buckets.map(|(begin, packets)| ((begin, port.parse().unwrap()), packets)));
        }
        all
    }

    /// Sources of the year by country, where it is known.
    fn known_countries(&self) -> BTreeMap<String, u64> {
        let countries = object(&self.year()["countries"]).iter().filter(|(country, _)| *country != "ZZ");
        countries.map(|(country, sources)| (country.clone(), number(sources))).collect()
    }

    fn totals(&self, name: &str) -> Vec<String> {
        let year = self.year();
        let days = object(&self.0["sources"]["day"]);
        let (first, last) = (days.keys().min().unwrap(), days.keys().max().unwrap());
        row(&[
            &name,
            &self.0["packets"],
            &self.0["flows"],
            &year["sources"],
            &year["ipv6"],
            &year["home"],
            &self.ports().len(),
            &self.known_countries().len(),
            first,
            last,
        ])
    }

    fn packets_by_port(&self, name: &str, step: Step) -> Vec<Vec<String>> {
        let best = best(&self.ports());
        let mut rows: BTreeMap<(Date, Option<u16>), u64> = BTreeMap::new();
        for ((begin, port), packets) in self.ports_by(step) {
            *rows.entry((begin, best.contains(&port).then_some(port))).or_default() += packets;
        }
        let text = |port: Option<u16>| port.map_or("-".to_owned(), |port| port.to_string());
        rows.into_iter().map(|((begin, port), packets)| row(&[&begin, &name, &text(port), &packets])).collect()
    }

    fn sources(&self, name: &str, step: Step) -> Vec<Vec<String>> {
        let home_packets = self.by(&self.0["home_packets_by_day"], step);
        let buckets = object(&self.0["sources"][step.name()]).iter();
        buckets
            .map(|(begin, count)| {
                let packets = home_packets[&begin.parse().unwrap()];
                row(&[begin, &name, &count["sources"], &count["ipv6"], &count["home"], &packets])
            })
            .collect()
    }

    fn sources_by_country(&self, name: &str, step: Step) -> Vec<Vec<String>> {
        let best = best(&self.known_countries());
        let mut rows: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (begin, count) in object(&self.0["sources"][step.name()]) {
            for (country, sources) in object(&count["countries"]) {
                let shown = if best.contains(country) { country } else { "-" };
                *rows.entry((begin, shown)).or_default() += number(sources);
            }
        }
        rows.into_iter().map(|((begin, country), sources)| row(&[&begin, &name, &country, &sources])).collect()
    }

    fn peak(&self, name: &str) -> Vec<String> {
        let mut packets: BTreeMap<Date, u64> = BTreeMap::new();
        for ((day, _), count) in self.ports_by(Step::Day) {
            *packets.entry(day).or_default() += count;
        }
        let sources: BTreeMap<Date, u64> = object(&self.0["sources"]["day"])
            .iter()
            .map(|(day, count)| (day.parse().unwrap(), number(&count["sources"])))
            .collect();
        let (_, packets_day, most_packets) = ranked(&packets)[0];
        let (_, sources_day, most_sources) = ranked(&sources)[0];
        row(&[
            &name,
            &packets_day,
            &most_packets,
            &median(packets.into_values().collect()),
            &sources_day,
            &most_sources,
            &median(sources.into_values().collect()),
        ])
    }

    fn new_ports_by_month(&self, name: &str) -> Vec<Vec<String>> {
        let mut months: BTreeMap<Date, BTreeMap<u16, u64>> = BTreeMap::new();
        for ((month, port), packets) in self.ports_by(Step::Month) {
            months.entry(month).or_default().insert(port, packets);
        }
        let mut rows = Vec::new();
        for (month, ports) in &months {
            let Some(before) = months.get(&month.yesterday().unwrap().first_of_month()) else { continue };
            let old = best(before);
            for (place, port, packets) in ranked(ports).into_iter().take(TOP).filter(|(_, port, _)| !old.contains(port))
            {
                let before = before.get(&port).copied().unwrap_or(0);
                rows.push(row(&[month, &name, &port, &place, &packets, &before]));
            }
        }
        rows
    }

    fn countries(&self, name: &str) -> Vec<Vec<String>> {
        let packets = &self.0["packets_by_country"];
        let countries = object(&self.year()["countries"]).iter();
        countries.map(|(country, sources)| row(&[&name, &shown(country), sources, &packets[country]])).collect()
    }

    fn networks(&self, name: &str) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for (at, scope) in ["world", "home"].into_iter().enumerate() {
            let counts = object(&self.0["sources_by_network"]).iter();
            let counts = counts.map(|(asn, counts)| (asn.clone(), number(&counts[at]))).filter(|(_, count)| *count > 0);
            for (place, asn, sources) in ranked(&counts.collect()).into_iter().take(TOP) {
                let packets = &self.0["packets_by_network"][&asn][at];
                rows.push(row(&[&scope, &name, &place, &asn, &sources, packets]));
            }
        }
        rows
    }

    fn port_totals(&self, name: &str) -> Vec<Vec<String>> {
        let first = ranked(&self.ports()).into_iter().take(100);
        let flows = &self.0["flows_by_port"];
        first.map(|(_, port, packets)| row(&[&name, &port, &packets, &flows[port.to_string()]])).collect()
    }
}
