//! Three surveys: who looks for devices with a tool, as research does.

use std::net::Ipv4Addr;

use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

use crate::{population::Source, random::draw};

/// A survey.
pub(crate) struct Survey {
    name: &'static str,
    pub(crate) family: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) tag: u16,
    /// The first address, and how many follow.
    hosts: (Ipv4Addr, u32),
    country: [u8; 2],
    /// How many ports it tries.
    ports: u16,
    cadence: Cadence,
    /// The first day on which it can run.
    begin: Date,
    /// The first day on which it is no more.
    end: Option<Date>,
}

enum Cadence {
    Weekly(Weekday),
    Monthly,
}

/// The surveys. Small archives have smaller ones.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 10,000")]
pub(crate) fn surveys(scale: f64) -> [Survey; 3] {
    let most = ((10_000.0 * scale) as u16).clamp(300, 10_000);
    [
        Survey {
            name: "weekly",
            family: "nmap",
            rule: "nmap/1",
            tag: 1 << 6,
            hosts: (Ipv4Addr::new(192, 0, 2, 10), 4),
            country: *b"JP",
            ports: 250,
            cadence: Cadence::Weekly(Weekday::Tuesday),
            begin: Date::constant(2019, 1, 1),
            end: None,
        },
        Survey {
            name: "monthly",
            family: "masscan",
            rule: "masscan/1",
            tag: 1 << 5,
            hosts: (Ipv4Addr::new(198, 51, 100, 16), 2),
            country: *b"JP",
            ports: 40,
            cadence: Cadence::Monthly,
            begin: Date::MIN,
            end: None,
        },
        Survey {
            name: "many-ports",
            family: "masscan",
            rule: "masscan/1",
            tag: 1 << 5,
            hosts: (Ipv4Addr::new(203, 0, 113, 5), 1),
            country: *b"JP",
            ports: most,
            cadence: Cadence::Weekly(Weekday::Wednesday),
            begin: Date::MIN,
            end: Some(Date::constant(2019, 7, 31)),
        },
    ]
}

/// A knock of a survey.
pub(crate) struct Knock {
    pub(crate) source: Source,
    pub(crate) port: u16,
    pub(crate) packets: u32,
}

impl Survey {
    fn runs(&self, date: Date) -> bool {
        let on = match self.cadence {
            Cadence::Weekly(weekday) => date.weekday() == weekday,
            Cadence::Monthly => date.day() == 1,
        };
        on && date >= self.begin && self.end.is_none_or(|end| date < end)
    }

    /// Its ports, spread over all.
    fn port(&self, number: u16) -> u16 {
        // Unsupported, so that no two numbers meet below 2^16.
        number.wrapping_mul(6_553).wrapping_add(23)
    }

    /// What it does on a day.
    pub(crate) fn knocks(&self, seed: u64, date: Date) -> Vec<Knock> {
        if !self.runs(date) {
            return Vec::new();
        }
        let hosts = 0..self.hosts.1;
        hosts
            .flat_map(|host| (0..self.ports).map(move |port| (host, port)))
            .map(|(host, number)| Knock {
                source: Source { key: u64::from(self.hosts.0.to_bits() + host), country: self.country },
                port: self.port(number),
                packets: 1 + u32::from(draw(seed, 7, u64::from(number)).is_multiple_of(2)),
            })
            .collect()
    }

    /// What a search for surveys should find.
    pub(crate) fn truth(&self, seed: u64, dates: &[Date]) -> Value {
        let runs: Vec<&Date> = dates.iter().filter(|date| self.runs(**date)).collect();
        let packets: u64 =
            runs.iter().flat_map(|date| self.knocks(seed, **date)).map(|knock| u64::from(knock.packets)).sum();
        json!({
            "name": self.name,
            "family": self.family,
            "first_host": self.hosts.0.to_string(),
            "hosts": self.hosts.1,
            "ports": self.ports,
            "cadence": match self.cadence { Cadence::Weekly(_) => "weekly", Cadence::Monthly => "monthly" },
            "runs": runs.len(),
            "packets": packets,
            "first_day": runs.first().map(ToString::to_string),
            "last_day": runs.last().map(ToString::to_string),
        })
    }
}
