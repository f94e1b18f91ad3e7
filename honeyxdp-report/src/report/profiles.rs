//! Profiles: sets of ports that tell who uses a family's code, from a file of rules (contrib/profiles.toml).

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::table::{Table, Value};
use crate::rules_file;

/// Those that are known to this version.
const OWN: &str = include_str!("../../../contrib/profiles.toml");

/// How many ports a report asks about: a source's ports are bits of one number.
const MOST_PORTS: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    profile: Vec<Profile>,
}

/// A set of ports, and how many of them a source knocks at on one day.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Profile {
    name: String,
    #[serde(default)]
    family: String,
    ports: BTreeSet<u16>,
    at_least: usize,
    #[serde(default)]
    about: String,
    #[serde(default)]
    caveat: String,
}

/// The profiles of a report.
#[derive(Clone, Debug)]
pub struct Profiles(Vec<Profile>);

impl Profiles {
    /// Those that come with this version.
    ///
    /// # Errors
    /// Never: a test reads them.
    pub fn own() -> anyhow::Result<Self> {
        Self::parse(OWN).context("the profiles of this version are wrong")
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, or is not TOML of this kind; the error names the line.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        rules_file::read(path, Self::parse)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let document: Document = rules_file::parse(text)?;
        let mut names = BTreeSet::new();
        for (number, profile) in document.profile.iter().enumerate() {
            let number = number + 1;
            let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            ensure!(
                !profile.name.is_empty() && profile.name.len() <= 40 && is_plain(&profile.name),
                "the name of profile {number} is not 1 to 40 letters, digits, dots, dashes"
            );
            let name = &profile.name;
            ensure!(
                is_plain(&profile.family),
                "the family of {name} is not one: write it as in docs/use/fingerprints.md"
            );
            ensure!(names.insert(name), "{name} is there twice");
            ensure!(
                (1..=profile.ports.len()).contains(&profile.at_least),
                "at_least of {name} is not between 1 and the number of its ports, {}",
                profile.ports.len()
            );
        }
        Ok(Self(document.profile))
    }

    /// A row per profile.
    pub(super) fn table(&self) -> Table {
        let row = |profile: &Profile| {
            let ports: Vec<_> = profile.ports.iter().map(u16::to_string).collect();
            let at_least = i64::try_from(profile.at_least).unwrap_or(i64::MAX);
            let text = |text: &str| Value::Text(text.to_owned());
            vec![
                text(&profile.name),
                text(&profile.family),
                Value::Text(ports.join(" ")),
                Value::Integer(at_least),
                text(&profile.about),
                text(&profile.caveat),
            ]
        };
        let columns = ["profile", "family", "ports", "at_least", "about", "caveat"].map(str::to_owned).to_vec();
        Table { name: "profile_rules".into(), columns, rows: self.0.iter().map(row).collect() }
    }
}

/// The ports that a report asks about, as parts of SQL. A source's ports are bits of one number.
#[derive(Debug)]
pub(super) struct Asked {
    /// `WHEN port THEN bit` for each of them.
    pub(super) bits: String,
    /// Rows of port and bit: those of figure 7.
    pub(super) ports: String,
    /// Rows of profile, family, the bits of its ports, and how many of them are needed.
    pub(super) profiles: String,
}

impl Asked {
    pub(super) fn new(ports: &[u16], profiles: &Profiles) -> anyhow::Result<Self> {
        let all: BTreeSet<u16> =
            ports.iter().copied().chain(profiles.0.iter().flat_map(|profile| profile.ports.iter().copied())).collect();
        ensure!(
            all.len() <= MOST_PORTS,
            "--port and the profiles name {} ports; {MOST_PORTS} are the most: take some out.",
            all.len()
        );
        let all: Vec<_> = all.into_iter().collect();
        let bit = |port: &u16| 1_u64 << all.binary_search(port).unwrap_or_default();
        let mut bits = String::new();
        for port in &all {
            let _ = write!(bits, "WHEN {port} THEN CAST({} AS BIGINT UNSIGNED) ", bit(port));
        }
        let ports: Vec<_> = ports.iter().map(|port| format!("({port}, {})", bit(port))).collect();
        let row = |Profile { name, family, ports, at_least, .. }: &Profile| {
            let bits = ports.iter().fold(0, |bits, port| bits | bit(port));
            format!("('{name}', '{family}', CAST({bits} AS BIGINT UNSIGNED), {at_least})")
        };
        let rows = profiles.0.iter().map(row).collect();
        // SQL has no empty list of rows. No port has this bit.
        let or_none = |rows: Vec<String>, none: &str| if rows.is_empty() { none.to_owned() } else { rows.join(", ") };
        Ok(Self { bits, ports: or_none(ports, "(0, 0)"), profiles: or_none(rows, "('', '', 0, 1)") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_profiles_are_right() {
        let own = Profiles::own().unwrap();
        assert!(own.table().rows.iter().any(|row| row[0] == Value::Text("fbot-moobot".into())));
        Asked::new(&[52869], &own).unwrap();
    }

    #[test]
    fn wrong_profiles_are_refused_with_a_reason() {
        let error = |text: &str| format!("{:#}", Profiles::parse(text).unwrap_err());
        let profile = |rest: &str| format!("[[profile]]\nname = \"a\"\nports = [1, 2]\nat_least = 2\n{rest}");
        assert!(Profiles::parse(&profile("")).is_ok());
        assert!(error(&profile("color = 1")).contains("line 5"), "{}", error(&profile("color = 1")));
        assert!(error(&profile(&profile(""))).contains("twice"));
        assert!(error(&profile("").replace("at_least = 2", "at_least = 3")).contains("at_least"));
        assert!(error(&profile("").replace("\"a\"", "\"'; DROP TABLE flows\"")).contains("letters"));
        assert!(error(&profile("family = \"' OR 1\"")).contains("family"));
        assert!(error(&profile("").replace("[1, 2]", "[70000]")).contains("line 3"));
    }

    #[test]
    fn ports_are_bits_of_one_number() {
        let none = Profiles(Vec::new());
        let asked = Asked::new(&[23, 80], &none).unwrap();
        assert_eq!(asked.ports, "(23, 1), (80, 2)");
        assert_eq!(asked.profiles, "('', '', 0, 1)");
        let most: Vec<u16> = (1..=64).collect();
        assert!(Asked::new(&most, &none).unwrap().bits.contains("9223372036854775808"));
        let over: Vec<u16> = (1..=65).collect();
        assert!(Asked::new(&over, &none).unwrap_err().to_string().contains("64"));
    }
}
