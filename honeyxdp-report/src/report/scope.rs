//! Whose rows a report is of: all sensors of the archive, or some.

use std::hash::{Hash as _, Hasher};

use anyhow::ensure;

/// Sensors and sites. A row counts when its sensor and its site are among them; where none are named, all are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Ids of sensors.
    pub sensors: Vec<String>,
    /// Names of sites, as `--site` gave them to sensors.
    pub sites: Vec<String>,
}

impl Scope {
    /// The rows of a table as SQL, where `when` tells them by their time.
    pub(super) fn rows(&self, when: &str) -> anyhow::Result<String> {
        let mut sql = when.to_owned();
        for (column, names) in [("sensor", &self.sensors), ("site", &self.sites)] {
            if !names.is_empty() {
                // Braces are for words of the questions.
                ensure!(!names.iter().any(|name| name.contains(['{', '}'])), "no {column} has a brace in its name");
                let names: Vec<String> = names.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
                sql += &format!(" AND \"{column}\" IN ({})", names.join(", "));
            }
        }
        Ok(sql)
    }

    /// Stands for it; nothing where all rows count.
    pub(super) fn stamp(&self, hasher: &mut impl Hasher) {
        if *self != Self::default() {
            (&self.sensors, &self.sites).hash(hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_text() {
        let scope = |sensors: &[&str], sites: &[&str]| Scope {
            sensors: sensors.iter().map(ToString::to_string).collect(),
            sites: sites.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(scope(&[], &[]).rows("TRUE").unwrap(), "TRUE");
        let sql = scope(&["a", "o'b"], &["') OR (TRUE"]).rows("TRUE").unwrap();
        assert_eq!(sql, r#"TRUE AND "sensor" IN ('a', 'o''b') AND "site" IN (''') OR (TRUE')"#);
        assert!(scope(&["{bits}"], &[]).rows("TRUE").is_err());
    }
}
