//! The five answers, counted in the rows that were written.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use honeyxdp_archive::{AccountingRow, FlowRow};
use serde_json::{Value, json};

/// What was written.
#[derive(Default)]
pub(crate) struct Truth {
    /// With the sensor.
    pub(crate) rows: Vec<(&'static str, FlowRow)>,
    /// With the sensor.
    pub(crate) losses: Vec<(&'static str, AccountingRow)>,
    /// Number of payloads.
    pub(crate) payloads: u64,
}

/// SYNs and sources.
type Group = (u64, BTreeSet<IpAddr>);

impl Truth {
    /// All five, in the order of the questions.
    pub(crate) fn answers(&self) -> Vec<Value> {
        [self.families(), self.countries(), self.ports(), self.sensors(), self.missing()].concat()
    }

    fn groups<K: Ord>(&self, key: impl Fn(&FlowRow) -> K) -> BTreeMap<K, Group> {
        let mut groups: BTreeMap<K, Group> = BTreeMap::new();
        for (_, row) in &self.rows {
            let (packets, sources) = groups.entry(key(row)).or_default();
            *packets += u64::from(row.packets);
            sources.insert(row.src);
        }
        groups
    }

    fn families(&self) -> Vec<Value> {
        let answer = |(family, (packets, sources)): (&str, Group)| json!({"question": "families", "family": family, "packets": packets, "sources": sources.len()});
        self.groups(|row| row.family).into_iter().map(answer).collect()
    }

    fn countries(&self) -> Vec<Value> {
        let answer = |((_, code), (packets, sources)): ((bool, Option<[u8; 2]>), Group)| {
            let country = code.map(|code| String::from_utf8(code.to_vec()).unwrap());
            json!({"question": "countries", "country": country, "packets": packets, "sources": sources.len()})
        };
        self.groups(|row| (row.country.is_none(), row.country)).into_iter().map(answer).collect()
    }

    fn ports(&self) -> Vec<Value> {
        let mut ports: Vec<(u16, Group)> = self.groups(|row| row.dst_port).into_iter().collect();
        assert!(ports.len() > 10, "some are left out");
        ports.sort_by_key(|(port, (packets, _))| (u64::MAX - packets, *port));
        let answer = |(port, (packets, sources)): (u16, Group)| json!({"question": "ports", "dst_port": port, "packets": packets, "sources": sources.len()});
        ports.into_iter().take(10).map(answer).collect()
    }

    fn sensors(&self) -> Vec<Value> {
        let mut sensors: BTreeMap<&str, BTreeSet<IpAddr>> = BTreeMap::new();
        for (sensor, row) in &self.rows {
            sensors.entry(sensor).or_default().insert(row.src);
        }
        let all: BTreeSet<&IpAddr> = sensors.values().flatten().collect();
        let sum: usize = sensors.values().map(BTreeSet::len).sum();
        assert!(all.len() < sum, "they have some in common");
        let answer =
            |sensor: Option<&str>, sources: usize| json!({"question": "sensors", "sensor": sensor, "sources": sources});
        let own = sensors.iter().map(|(sensor, sources)| answer(Some(sensor), sources.len()));
        own.chain([answer(None, all.len())]).collect()
    }

    fn missing(&self) -> Vec<Value> {
        let mut sensors: BTreeMap<&str, (u64, u64, Option<u64>)> = BTreeMap::new();
        for (sensor, loss) in &self.losses {
            let (syns, missing, payloads) = sensors.entry(sensor).or_default();
            *syns += loss.syns;
            *missing += loss.lost + loss.sampled_out + loss.dropped_by_archive;
            if let Some(lost) = loss.payloads_lost {
                *payloads = Some(payloads.unwrap_or(0) + lost);
            }
        }
        let answer = |(sensor, (syns, missing, payloads)): (&str, (u64, u64, Option<u64>))| {
            let payloads: Value = payloads.into();
            json!({"question": "missing", "sensor": sensor, "syns": syns, "missing": missing, "payloads_missing": payloads})
        };
        sensors.into_iter().map(answer).collect()
    }
}
