//! Who scans: populations of sources that come and go, the ports that they knock at, and where they are.

use crate::random::{choose, draw, low};

/// Bots of one kind. Their sources are numbered in the order of their coming; those from one number to another are there on
/// a day.
pub(crate) struct Population {
    /// What they are.
    pub(crate) name: &'static str,
    /// What their SYNs show.
    pub(crate) family: &'static str,
    pub(crate) rule: &'static str,
    /// Bit of its mark, 0 for none.
    pub(crate) tag: u16,
    /// What is drawn for them is drawn with it.
    pub(crate) salt: u64,
    /// Which numbers in the space of addresses are its own.
    offset: u64,
    /// Sources per day at the begin, in an archive of full scale.
    base: f64,
    /// How many of them are gone the next day.
    turnover: f64,
    countries: &'static [([u8; 2], u32)],
    /// Every 1 of so many sources has an address of IPv6; 0 for none.
    ipv6: u64,
    window: u16,
}

const MIRAI_COUNTRIES: &[([u8; 2], u32)] = &[
    (*b"CN", 180),
    (*b"BR", 110),
    (*b"VN", 80),
    (*b"TR", 70),
    (*b"IR", 65),
    (*b"RU", 60),
    (*b"TW", 55),
    (*b"KR", 50),
    (*b"IN", 45),
    (*b"EG", 42),
    (*b"US", 40),
    (*b"IT", 35),
    (*b"GR", 30),
    (*b"MX", 28),
    (*b"JP", 26),
    (*b"TH", 24),
    (*b"ID", 20),
    (*b"FR", 15),
    (*b"DE", 12),
    (*b"ZZ", 13),
];
const HAJIME_COUNTRIES: &[([u8; 2], u32)] = &[
    (*b"BR", 250),
    (*b"IR", 90),
    (*b"RU", 80),
    (*b"ID", 75),
    (*b"IN", 70),
    (*b"CN", 65),
    (*b"IT", 55),
    (*b"TH", 50),
    (*b"TR", 45),
    (*b"MX", 40),
    (*b"VN", 38),
    (*b"UA", 36),
    (*b"JP", 22),
    (*b"AR", 34),
    (*b"US", 30),
    (*b"ZZ", 20),
];
const OTHER_COUNTRIES: &[([u8; 2], u32)] = &[
    (*b"CN", 200),
    (*b"US", 160),
    (*b"RU", 90),
    (*b"NL", 80),
    (*b"JP", 70),
    (*b"VN", 60),
    (*b"BR", 55),
    (*b"IN", 50),
    (*b"KR", 45),
    (*b"DE", 40),
    (*b"FR", 38),
    (*b"ID", 36),
    (*b"ZZ", 26),
];

const QBOT_COUNTRIES: &[([u8; 2], u32)] = &[
    (*b"US", 150),
    (*b"JP", 120),
    (*b"CN", 110),
    (*b"BR", 80),
    (*b"RU", 60),
    (*b"KR", 55),
    (*b"FR", 40),
    (*b"DE", 35),
    (*b"ZZ", 15),
];

pub(crate) const MIRAI: Population = Population {
    name: "mirai",
    family: "mirai",
    rule: "mirai/1",
    tag: 1 << 1,
    salt: 1 << 1,
    offset: 0,
    base: 38_000.0,
    turnover: 0.075,
    countries: MIRAI_COUNTRIES,
    ipv6: 0,
    window: 5840,
};
pub(crate) const HAJIME: Population = Population {
    name: "hajime",
    family: "hajime",
    rule: "hajime/1",
    tag: 1 << 2,
    salt: 1 << 2,
    offset: 100_000_000,
    base: 9_000.0,
    turnover: 0.02,
    countries: HAJIME_COUNTRIES,
    ipv6: 0,
    window: 14600,
};
pub(crate) const OTHER: Population = Population {
    name: "other",
    family: "other",
    rule: "other/1",
    tag: 1,
    salt: 1,
    offset: 200_000_000,
    base: 6_000.0,
    turnover: 0.05,
    countries: OTHER_COUNTRIES,
    ipv6: 40,
    window: 29200,
};
/// Seen by its payloads alone: its SYNs are the kernel's own.
pub(crate) const QBOT: Population = Population {
    name: "qbot",
    salt: 1 << 20,
    offset: 400_000_000,
    base: 2_500.0,
    turnover: 0.06,
    countries: QBOT_COUNTRIES,
    ipv6: 0,
    ..OTHER
};
/// Numbers of addresses that no population has.
pub(crate) const NOBODY: u64 = 300_000_000;

/// A source: its address as a number (over 2^32 for IPv6), and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) key: u64,
    pub(crate) country: [u8; 2],
}

impl Source {
    pub(crate) fn is_ipv6(self) -> bool {
        self.key >= 1 << 32
    }

    /// Its network. Each country has three of them, and networks reach over borders.
    pub(crate) fn network(self) -> u32 {
        64_496 + (u32::from(self.country[0]) + low(self.key % 3)) % 16
    }
}

/// The `number`-th address: each number has another one, from 1.0.0.0 to 222.255.255.255.
pub(crate) fn address(number: u64) -> u32 {
    const SPACE: u64 = 222 << 24;
    // A prime, without a factor in common with 222 * 2^24, so no two numbers meet.
    const FACTOR: u64 = 2_654_435_761;
    low((1 << 24) + number * FACTOR % SPACE)
}

impl Population {
    /// Whoever leaves the marks of another family.
    pub(crate) fn marked(family: &'static str, rule: &'static str, tag: u16) -> Self {
        Self { family, rule, tag, ..OTHER }
    }

    /// How many of them are there on a day of the year, from 0.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "thousands")]
    fn size(&self, day: u16, scale: f64) -> u64 {
        let day = f64::from(day);
        let peak = |middle: f64, half: f64, height: f64| height * (1.0 - (day - middle).abs() / half).max(0.0);
        let weekly = 1.0 + 0.03 * (day * std::f64::consts::TAU / 7.0).sin();
        let curve = match self.name {
            // A rise in July that stays for a month, and the peak of November.
            "mirai" => 1.0 + peak(197.0, 26.0, 0.9) + peak(318.0, 16.0, 1.7),
            // Slowly less.
            "hajime" => 1.0 - 0.35 * day / 365.0,
            _ => 1.0 + peak(90.0, 60.0, 0.3),
        };
        ((self.base * scale * curve * weekly) as u64).max(3)
    }

    /// The numbers of those that are there on each of so many days of so many years.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "thousands")]
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    pub(crate) fn days(&self, years: u16, days: u16, scale: f64) -> Vec<std::ops::Range<u64>> {
        let mut from = 0;
        (0..years)
            .flat_map(|_| 0..days)
            .map(|day| {
                let size = self.size(day, scale);
                let range = from..from + size;
                from += ((size as f64 * self.turnover) as u64).max(1);
                range
            })
            .collect()
    }

    /// The source with a number.
    pub(crate) fn source(&self, seed: u64, number: u64) -> Source {
        let number = self.offset + number;
        let country = choose(self.countries, draw(seed, 1, number));
        let wide = self.ipv6 != 0 && number.is_multiple_of(self.ipv6);
        Source { key: if wide { (1 << 32) + number } else { u64::from(address(number)) }, country }
    }

    pub(crate) fn window(&self) -> u16 {
        self.window
    }

    /// The ports on a day of a year, with how often each of them is knocked at.
    pub(crate) fn ports(&self, year: i16, day: u16) -> Vec<(u16, u32)> {
        // 1 July is day 181.
        let from = |begin: u16, weight: u32| if day >= begin { weight } else { 0 };
        let until = |end: u16, weight: u32| if day < end { weight } else { 0 };
        let mut ports = match self.name {
            "mirai" if year < 2019 => vec![
                (23, 500),
                (2323, 80),
                (7547, 70),
                (80, 55),
                (8080, 50),
                (5555, 48),
                (37215, 40),
                (8081, 18),
                (88, 12),
                (26, 11),
                (8443, 10),
                (81, 2),
            ],
            "mirai" => vec![
                (23, 420),
                (2323, 60),
                (80, 55),
                (8080, 50),
                (5555, 48),
                (37215, 20 + until(185, 90)),
                (52869, 25),
                (81, 24),
                (60001, 6 + from(183, 80)),
                (34567, 5 + from(190, 70)),
                (9000, from(195, 45)),
                (9527, from(200, 30)),
                (8081, 18),
                (88, 12),
                (7547, 9),
                (26, 8),
                (8443, 6),
            ],
            "hajime" => vec![
                (8291, 200),
                (5358, 150),
                (7547, 140),
                (5555, 120),
                (80, 90),
                (8080, 85),
                (81, 60),
                (23, 50),
                (9000, 30),
                (52869, 22),
                (8081, 16),
                (88, 8),
            ],
            "qbot" => vec![(23, 150), (52869, 130), (37215, 110), (60001, 60), (2323, 40), (5555, 40), (80, 30)],
            _ => vec![
                (445, 300),
                (22, 150),
                (3389, 120),
                (80, 90),
                (443, 80),
                (23, 70),
                (8545, 30),
                (52869, 24),
                (1433, 60),
                (6379, 50),
                (8080, 40),
                (5060, 12),
                (25, 10),
            ],
        };
        ports.retain(|(_, weight)| *weight > 0);
        ports
    }
}

/// The sources that are no bots by their packets but are the same machines as bots of another population on that day.
pub(crate) fn shared(number: u64, mirai: &std::ops::Range<u64>) -> Option<u64> {
    number.is_multiple_of(10).then(|| mirai.start + number / 10 % (mirai.end - mirai.start))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn addresses_are_different_and_unicast() {
        let all: HashSet<u32> = (0..100_000).chain(NOBODY..NOBODY + 100_000).map(address).collect();
        assert_eq!(all.len(), 200_000);
        assert!(all.iter().all(|address| (0x0100_0000..0xdf00_0000).contains(address)));
    }

    #[test]
    fn a_year_at_full_scale_has_more_than_a_million_sources_of_mirai() {
        let days = MIRAI.days(1, 365, 1.0);
        assert!(days.last().unwrap().end > 1_000_000);
        assert!(days[318].end - days[318].start > 2 * (days[0].end - days[0].start), "the peak of November");
    }
}
