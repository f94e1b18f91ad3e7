//! What is in the archive, counted while it is made.

mod day;
mod family;
mod knocks;
mod payloads;
mod unique;

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::{Map, Value, json};

pub(crate) use self::day::Day;
use self::{
    family::Family,
    knocks::Knocks,
    payloads::Payloads,
    unique::{in_both, union},
};
use crate::population::Source;

/// The home country.
const HOME: [u8; 2] = *b"JP";

fn code(country: [u8; 2]) -> String {
    String::from_utf8_lossy(&country).into_owned()
}

/// The truth of a year.
#[derive(Default)]
struct Year {
    days: Vec<Date>,
    families: BTreeMap<&'static str, Family>,
    knocks: Knocks,
    payloads: Payloads,
    /// SYNs and payloads.
    by_sensor: BTreeMap<&'static str, (u64, u64)>,
}

impl Year {
    fn day(&mut self, date: Date, day: Day) {
        let at = self.days.len();
        self.days.push(date);
        let mut visits = BTreeMap::new();
        for (name, day) in day.families {
            visits.insert(name, self.families.entry(name).or_default().day(at, date, day));
        }
        let shown = self.payloads.day(date, &day.payloads);
        self.knocks.day(date, &visits, &shown);
    }

    fn json(&self) -> Value {
        let families: BTreeMap<_, _> =
            self.families.iter().map(|(name, family)| (name, family.json(self.days.len()))).collect();
        let (kinds, profiles) = self.knocks.json();
        let mut json = json!({
            "days": self.days.iter().map(Date::to_string).collect::<Vec<_>>(),
            "families": families,
            "kinds": kinds,
            "profiles": profiles,
            "packets_and_payloads_by_sensor": self.by_sensor,
        });
        self.payloads.put(&mut json);
        json
    }
}

/// The truth of all years.
#[derive(Default)]
pub(crate) struct Truth {
    rows: u64,
    year: Year,
    /// Sources of the year before, by family.
    before: BTreeMap<&'static str, Vec<Source>>,
    /// Mirai's sources of all years that are over.
    mirai: Vec<Source>,
    years: Map<String, Value>,
}

impl Truth {
    /// A day is over. Days come in order. `by_sensor` is what the rows of each sensor hold: SYNs, and payloads.
    pub(crate) fn day(
        &mut self,
        date: Date,
        day: Day,
        by_sensor: impl IntoIterator<Item = (&'static str, (u64, u64))>,
    ) {
        if self.year.days.last().is_some_and(|last| last.year() != date.year()) {
            self.end_of_year();
        }
        self.rows +=
            day.families.values().flat_map(|family| family.ports.values()).map(|(_, flows)| flows).sum::<u64>();
        self.year.day(date, day);
        for (sensor, (packets, payloads)) in by_sensor {
            let sums = self.year.by_sensor.entry(sensor).or_default();
            *sums = (sums.0 + packets, sums.1 + payloads);
        }
    }

    fn end_of_year(&mut self) {
        let year = std::mem::take(&mut self.year);
        let Some(first) = year.days.first() else { return };
        let mut json = year.json();
        let sources: BTreeMap<_, _> =
            year.families.iter().map(|(name, family)| (*name, family.sources.of_year().to_vec())).collect();
        let stayed = |(name, sources): (&&'static str, &Vec<Source>)| {
            (*name, self.before.get(name).map_or(0, |before| in_both(before, sources)))
        };
        json["stayed"] = json!(sources.iter().map(stayed).collect::<BTreeMap<_, _>>());
        self.years.insert(first.year().to_string(), json);
        self.mirai = union(&self.mirai, sources.get("mirai").map_or(&[], Vec::as_slice));
        self.before = sources;
    }

    /// The years are over. Returns how many sources Mirai had in all of them.
    pub(crate) fn end(&mut self) -> u64 {
        self.end_of_year();
        self.mirai.len() as u64
    }

    /// All of it.
    pub(crate) fn json(self, surveys: Vec<Value>, lists: Value) -> Value {
        json!({
            "rows": self.rows,
            "home": code(HOME),
            "years": self.years,
            "surveys": surveys,
            "lists": lists,
        })
    }
}
