//! Known research scanners, from a TOML file.

use std::{net::IpAddr, path::Path};

use ipnet::IpNet;
use serde::Deserialize;

use crate::{escape, flows::SourceAddress, rules_file};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScannerFile {
    #[serde(default)]
    scanner: Vec<KnownScanner>,
}

/// A known scanner.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct KnownScanner {
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

/// Known scanners, looked up by source.
#[derive(Debug, Default)]
pub struct KnownScanners {
    scanners: Vec<KnownScanner>,
    v4: PrefixSpans,
    v6: PrefixSpans,
}

impl KnownScanners {
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
        let document: ScannerFile = rules_file::parse(text)?;
        let mut known = Self { scanners: document.scanner, ..Self::default() };
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (number, scanner) in known.scanners.iter().enumerate() {
            let name = escape::text(&scanner.name);
            anyhow::ensure!(!scanner.name.trim().is_empty(), "scanner {} has no name", number + 1);
            anyhow::ensure!(!scanner.sources.is_empty(), "{name:?} has no sources");
            let is_same_name = |other: &KnownScanner| other.name == scanner.name;
            anyhow::ensure!(!known.scanners[..number].iter().any(is_same_name), "{name:?} is there twice");
            for prefix in &scanner.sources {
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
        (known.v4, known.v6) = (PrefixSpans::new(v4), PrefixSpans::new(v6));
        Ok(known)
    }

    /// All of them, in the order of the file.
    pub fn scanners(&self) -> &[KnownScanner] {
        &self.scanners
    }

    /// The first scanner of the file that a source with this tool belongs to, by its place.
    pub fn find(&self, source: SourceAddress, tool: &str) -> Option<usize> {
        let numbers = match source {
            SourceAddress::V4(address) => self.v4.at(address.into()),
            SourceAddress::V6(address) => self.v6.at(address),
        };
        numbers.iter().copied().find(|&number| self.scanners[number].tool.as_deref().is_none_or(|other| other == tool))
    }
}

/// Which scanners have an address among their prefixes: the line of all addresses, cut wherever a prefix begins or ends.
#[derive(Debug, Default)]
struct PrefixSpans {
    starts: Vec<u128>,
    /// Scanners from each start to the next one, in rising order.
    scanners: Vec<Vec<usize>>,
}

impl PrefixSpans {
    fn new(prefixes: Vec<(u128, u128, usize)>) -> Self {
        let ends = prefixes.iter().flat_map(|&(first, last, _)| [Some(first), last.checked_add(1)]);
        let mut starts: Vec<u128> = ends.flatten().collect();
        starts.sort_unstable();
        starts.dedup();
        let mut scanners = vec![Vec::new(); starts.len()];
        for (first, last, number) in prefixes {
            let from = starts.partition_point(|&start| start < first);
            let to = starts.partition_point(|&start| start <= last);
            for span in &mut scanners[from..to] {
                if span.last() != Some(&number) {
                    span.push(number);
                }
            }
        }
        Self { starts, scanners }
    }

    fn at(&self, address: u128) -> &[usize] {
        match self.starts.partition_point(|&start| start <= address) {
            0 => &[],
            next => &self.scanners[next - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn source(address: &str) -> SourceAddress {
        match address.parse().unwrap() {
            IpAddr::V4(address) => SourceAddress::V4(Ipv4Addr::to_bits(address)),
            IpAddr::V6(address) => SourceAddress::V6(Ipv6Addr::to_bits(address)),
        }
    }

    #[test]
    fn a_source_belongs_to_the_first_survey_whose_prefix_and_tool_it_has() {
        let known = KnownScanners::parse(
            r#"
            [[scanner]]
            name = "narrow"
            sources = ["192.0.2.128/25", "192.0.2.0/24", "2001:db8:1::/48"]
            tool = "masscan"
            [[scanner]]
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
            assert_eq!(known.find(source(address), tool), expected, "{address} {tool}");
        }
    }

    #[test]
    fn a_wrong_file_is_named_with_its_line() {
        for (text, word) in [
            ("[[scanner]]\nname = 'x'\nsources = ['192.0.2.0/33']", "line 3"),
            ("[[scanner]]\nname = 'x'\nsources = []", "\"x\" has no sources"),
            ("[[scanner]]\nname = 'x'\nsource = ['192.0.2.0/24']", "unknown field `source`"),
            ("[[scanner]]\nsources = ['192.0.2.0/24']", "missing field `name`"),
            ("x = 1", "unknown field `x`"),
            (
                "[[scanner]]\nname='a'\nsources=['::/0']\n[[scanner]]\nname='a'\nsources=['::/0']",
                "\"a\" is there twice",
            ),
        ] {
            let error = format!("{:#}", KnownScanners::parse(text).unwrap_err());
            assert!(error.contains(word), "{error}");
        }
        assert_eq!(KnownScanners::parse("").unwrap().scanners(), []);
    }

    #[test]
    fn the_examples_can_be_read() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../contrib/known-scanners.toml");
        let known = KnownScanners::read(Path::new(path)).unwrap();
        let documentation: Vec<IpNet> = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"]
            .map(|prefix| prefix.parse().unwrap())
            .into();
        assert!(known.scanners().len() >= 3);
        for prefix in known.scanners().iter().flat_map(|scanner| &scanner.sources) {
            assert!(documentation.iter().any(|wide| wide.contains(prefix)), "{prefix} is somebody's");
        }
    }
}
