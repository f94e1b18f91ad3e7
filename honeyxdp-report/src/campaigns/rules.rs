//! Surveys that are known, from a file.

use std::{net::IpAddr, path::Path};

use ipnet::IpNet;
use serde::Deserialize;

use crate::{escape, flows::Source, rules_file};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    survey: Vec<Survey>,
}

/// A survey that is known.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// What it is called.
    pub name: String,
    /// Prefixes that it comes from.
    pub sources: Vec<IpNet>,
    /// Family of its SYNs, as `masscan`; any where there is none.
    pub tool: Option<String>,
    /// Who runs it, or where it is described.
    #[serde(default)]
    pub about: String,
}

/// Known surveys, to be looked up by source.
#[derive(Debug, Default)]
pub struct Rules {
    surveys: Vec<Survey>,
    v4: Spans,
    v6: Spans,
}

impl Rules {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is not TOML of this kind; the error names the line.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        rules_file::read(path, Self::parse)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let document: Document = rules_file::parse(text)?;
        let mut rules = Self { surveys: document.survey, ..Self::default() };
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (number, survey) in rules.surveys.iter().enumerate() {
            let name = escape::text(&survey.name);
            anyhow::ensure!(!survey.name.trim().is_empty(), "survey {} has no name", number + 1);
            anyhow::ensure!(!survey.sources.is_empty(), "{name:?} has no sources");
            let is_twin = |other: &Survey| other.name == survey.name;
            anyhow::ensure!(!rules.surveys[..number].iter().any(is_twin), "{name:?} is there twice");
            for prefix in &survey.sources {
                let (first, last) = (prefix.network(), prefix.broadcast());
                match (first, last) {
                    (IpAddr::V4(first), IpAddr::V4(last)) => {
                        v4.push((first.to_bits().into(), last.to_bits().into(), number));
                    }
                    (IpAddr::V6(first), IpAddr::V6(last)) => v6.push((first.to_bits(), last.to_bits(), number)),
                    _ => unreachable!("both ends of a prefix are of one kind"),
                }
            }
        }
        (rules.v4, rules.v6) = (Spans::new(v4), Spans::new(v6));
        Ok(rules)
    }

    /// All of them, in the order of the file.
    pub fn surveys(&self) -> &[Survey] {
        &self.surveys
    }

    /// The first survey of the file that a source with this tool belongs to, by its place.
    pub fn find(&self, source: Source, tool: &str) -> Option<usize> {
        let numbers = match source {
            Source::V4(address) => self.v4.at(address.into()),
            Source::V6(address) => self.v6.at(address),
        };
        numbers.iter().copied().find(|&number| self.surveys[number].tool.as_deref().is_none_or(|other| other == tool))
    }
}

/// Which surveys have an address among their prefixes: the line of all addresses, cut wherever a prefix begins or ends.
#[derive(Debug, Default)]
struct Spans {
    starts: Vec<u128>,
    /// Surveys from each start to the next one, rising.
    surveys: Vec<Vec<usize>>,
}

impl Spans {
    fn new(prefixes: Vec<(u128, u128, usize)>) -> Self {
        let ends = prefixes.iter().flat_map(|&(first, last, _)| [Some(first), last.checked_add(1)]);
        let mut starts: Vec<u128> = ends.flatten().collect();
        starts.sort_unstable();
        starts.dedup();
        let mut surveys = vec![Vec::new(); starts.len()];
        for (first, last, number) in prefixes {
            let from = starts.partition_point(|&start| start < first);
            let to = starts.partition_point(|&start| start <= last);
            for span in &mut surveys[from..to] {
                if span.last() != Some(&number) {
                    span.push(number);
                }
            }
        }
        Self { starts, surveys }
    }

    fn at(&self, address: u128) -> &[usize] {
        match self.starts.partition_point(|&start| start <= address) {
            0 => &[],
            next => &self.surveys[next - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn source(address: &str) -> Source {
        match address.parse().unwrap() {
            IpAddr::V4(address) => Source::V4(Ipv4Addr::to_bits(address)),
            IpAddr::V6(address) => Source::V6(Ipv6Addr::to_bits(address)),
        }
    }

    #[test]
    fn a_source_belongs_to_the_first_survey_whose_prefix_and_tool_it_has() {
        let rules = Rules::parse(
            r#"
            [[survey]]
            name = "narrow"
            sources = ["192.0.2.128/25", "192.0.2.0/24", "2001:db8:1::/48"]
            tool = "masscan"
            [[survey]]
            name = "wide"
            sources = ["192.0.0.0/16", "255.255.255.255/32", "::/0"]
            "#,
        )
        .unwrap();
        for (address, tool, expected) in [
            ("192.0.2.200", "masscan", Some(0)),
            ("192.0.2.0", "masscan", Some(0)),
            ("192.0.2.200", "nmap", Some(1)),
            ("192.0.3.0", "masscan", Some(1)),
            ("192.1.0.0", "masscan", None),
            ("0.0.0.0", "masscan", None),
            ("255.255.255.255", "zmap", Some(1)),
            ("2001:db8:1:ffff::", "masscan", Some(0)),
            ("2001:db8:2::", "masscan", Some(1)),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "masscan", Some(1)),
        ] {
            assert_eq!(rules.find(source(address), tool), expected, "{address} {tool}");
        }
    }

    #[test]
    fn a_wrong_file_is_named_with_its_line() {
        for (text, word) in [
            ("[[survey]]\nname = 'x'\nsources = ['192.0.2.0/33']", "line 3"),
            ("[[survey]]\nname = 'x'\nsources = []", "\"x\" has no sources"),
            ("[[survey]]\nname = 'x'\nsource = ['192.0.2.0/24']", "unknown field `source`"),
            ("[[survey]]\nsources = ['192.0.2.0/24']", "missing field `name`"),
            ("x = 1", "unknown field `x`"),
            ("[[survey]]\nname='a'\nsources=['::/0']\n[[survey]]\nname='a'\nsources=['::/0']", "\"a\" is there twice"),
        ] {
            let error = format!("{:#}", Rules::parse(text).unwrap_err());
            assert!(error.contains(word), "{error}");
        }
        assert_eq!(Rules::parse("").unwrap().surveys(), []);
    }

    #[test]
    fn the_examples_can_be_read() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../contrib/known-scanners.toml");
        let rules = Rules::read(Path::new(path)).unwrap();
        let documentation: Vec<IpNet> = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"]
            .map(|prefix| prefix.parse().unwrap())
            .into();
        assert!(rules.surveys().len() >= 3);
        for prefix in rules.surveys().iter().flat_map(|survey| &survey.sources) {
            assert!(documentation.iter().any(|wide| wide.contains(prefix)), "{prefix} is somebody's");
        }
    }
}
