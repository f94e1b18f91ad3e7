//! What is asked of every day, and what stands for it in the names of roll-ups.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{
    days::Day,
    files::File,
    geo::GeoFiles,
    profiles::{Asked, Profiles},
    scope::Scope,
};

/// Changes when the files of the roll-up change their meaning.
const VERSION: u32 = 5;

/// Files of a day: of flows, and of payloads.
pub(super) type OfDay<'a> = [&'a [File]; 2];

/// What is asked of every day.
#[derive(Debug)]
pub(super) struct Form {
    asked: Asked,
    scope: Scope,
    geo: [(&'static str, &'static str); 4],
    /// Stands for everything that the answers depend on besides the rows.
    key: u64,
}

impl Form {
    pub(super) fn new(ports: &[u16], profiles: &Profiles, geo: &GeoFiles, scope: &Scope) -> anyhow::Result<Self> {
        let asked = Asked::new(ports, profiles)?;
        let mut hasher = DefaultHasher::new();
        (VERSION, &asked.bits, &asked.ports, &asked.profiles).hash(&mut hasher);
        geo.stamp(&mut hasher)?;
        scope.stamp(&mut hasher);
        Ok(Self { asked, scope: scope.clone(), geo: geo.words(), key: hasher.finish() })
    }

    /// The rows of a day that count, by their time in a column, as SQL.
    pub(super) fn rows(&self, day: &Day, column: &str) -> anyhow::Result<String> {
        self.scope.rows(&day.rows(column))
    }

    /// `when` tells the day's flows, `sent` its payloads.
    pub(super) fn words<'a>(&'a self, day: &'a str, when: &'a str, sent: &'a str) -> Vec<(&'a str, &'a str)> {
        let Asked { bits, ports, profiles } = &self.asked;
        let mut words = vec![("day", day), ("when", when), ("sent", sent)];
        words.extend([("bits", bits.as_str()), ("ports", ports), ("profiles", profiles)]);
        words.extend(self.geo);
        words
    }

    /// Stands for what is asked of a day.
    pub(super) fn key_of_day(&self, day: &Day) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.key, day.from, day.to).hash(&mut hasher);
        hasher.finish()
    }

    /// Stands for the rows of files.
    pub(super) fn key_of_rows(rows: OfDay) -> anyhow::Result<u64> {
        let mut hasher = DefaultHasher::new();
        rows.map(<[File]>::len).hash(&mut hasher);
        for file in rows.into_iter().flatten() {
            file.stamp(&mut hasher)?;
        }
        Ok(hasher.finish())
    }
}
