//! What was sent: by exploit, family and port, from where, with which URLs and logins.

use std::collections::BTreeMap;

use honeyxdp_archive::{Attribution, Classification, PayloadRow};
use jiff::civil::Date;
use serde_json::{Value, json};

use super::unique::{Unique, union};
use crate::population::Source;

/// Which family of a source's payloads of one day goes first; what is not among them follows by name.
const FIRST: [&str; 4] = ["hajime", "mozi", "qbot", "mirai"];

/// Sources that are found day after day.
#[derive(Default)]
struct Sources {
    past: Vec<Source>,
    today: Vec<Source>,
}

impl Sources {
    fn end_of_day(&mut self) {
        self.today.sort_unstable();
        self.today.dedup();
        self.past = union(&self.past, &std::mem::take(&mut self.today));
    }
}

#[derive(Default)]
struct Kind {
    payloads: u64,
    logins: u64,
    decided: u64,
    sources: Sources,
}

#[derive(Default)]
struct Dropper {
    payloads: u64,
    sources: Sources,
    days: Option<(Date, Date)>,
}

type Url = (String, Option<String>, Option<String>);

/// The payloads of a year.
#[derive(Default)]
pub(super) struct Payloads {
    kinds: BTreeMap<(Option<String>, String, u16), Kind>,
    droppers: BTreeMap<Url, Dropper>,
    logins: BTreeMap<(String, String), u64>,
    /// By what the rule tells, name, rule and letter.
    rules: BTreeMap<(&'static str, Classification), u64>,
    /// Sources by the family that a payload gave away.
    families: BTreeMap<String, Unique>,
}

impl Payloads {
    /// Those of a day. Returns what each source was by its payloads.
    pub(super) fn day(&mut self, date: Date, payloads: &[(Source, PayloadRow)]) -> BTreeMap<Source, String> {
        let mut families: BTreeMap<String, Vec<Source>> = BTreeMap::new();
        for (source, payload) in payloads {
            let family = payload.family.family().to_owned();
            let exploit = payload.exploit.as_ref().map(|label| label.name.to_string());
            let is_decided = matches!(payload.family, Attribution::ByPayload(_));
            let kind = self.kinds.entry((exploit, family.clone(), payload.dst_port)).or_default();
            kind.payloads += 1;
            kind.logins += u64::from(payload.username.is_some());
            kind.decided += u64::from(is_decided);
            kind.sources.today.push(*source);
            if let Some(host) = payload.url_host.clone() {
                let url = (host, payload.url_path.clone(), payload.url_file.clone());
                let dropper = self.droppers.entry(url).or_default();
                dropper.payloads += 1;
                dropper.sources.today.push(*source);
                dropper.days = Some((dropper.days.map_or(date, |(first, _)| first), date));
            }
            if let (Some(user), Some(password)) = (payload.username.clone(), payload.password.clone()) {
                *self.logins.entry((user, password)).or_default() += 1;
            }
            if let Some(label) = &payload.exploit {
                *self.rules.entry(("exploit", label.clone())).or_default() += 1;
            }
            if let Attribution::ByPayload(label) = &payload.family {
                *self.rules.entry(("family", label.clone())).or_default() += 1;
                families.entry(family).or_default().push(*source);
            }
        }
        self.kinds.values_mut().for_each(|kind| kind.sources.end_of_day());
        self.droppers.values_mut().for_each(|dropper| dropper.sources.end_of_day());
        let place = |family: &str| FIRST.iter().position(|first| *first == family).unwrap_or(FIRST.len());
        let mut by_place: Vec<_> = families.into_iter().collect();
        by_place.sort_by_key(|(family, _)| (place(family), family.clone()));
        let mut first = BTreeMap::new();
        for (family, mut sources) in by_place {
            sources.sort_unstable();
            sources.dedup();
            self.families.entry(family.clone()).or_default().day(date, &sources);
            for source in sources {
                first.entry(source).or_insert_with(|| family.clone());
            }
        }
        first
    }

    /// All of it, into the truth of the year.
    pub(super) fn put(&self, year: &mut Value) {
        let kinds = self.kinds.iter().map(|((exploit, family, port), kind)| {
            let Kind { payloads, logins, decided, sources } = kind;
            json!([exploit, family, port, payloads, logins, decided, sources.past.len()])
        });
        let droppers = self.droppers.iter().map(|((host, path, file), dropper)| {
            let (first, last) = dropper.days.unwrap_or_default();
            let sources = dropper.sources.past.len();
            json!([host, path, file, dropper.payloads, sources, first.to_string(), last.to_string()])
        });
        let logins = self.logins.iter().map(|((user, password), count)| json!([user, password, count]));
        let rules = self.rules.iter().map(|((tells, label), count)| {
            json!([tells, label.name, label.rule_id, label.confidence.to_string(), count])
        });
        year["payloads"] = kinds.collect();
        year["droppers"] = droppers.collect();
        year["logins"] = logins.collect();
        year["payload_rules"] = rules.collect();
        let families: BTreeMap<_, _> = self.families.iter().map(|(family, unique)| (family, unique.json())).collect();
        year["evidence"] = json!(families);
    }
}
