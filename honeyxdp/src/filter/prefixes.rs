//! Sets of address prefixes, also from files.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

use honeyxdp_common::Address;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A set of addresses: prefixes of which none is inside another, in rising order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixSet {
    v4: Vec<Ipv4Net>,
    v6: Vec<Ipv6Net>,
}

/// What is wrong with a list of prefixes.
#[derive(Debug, thiserror::Error)]
pub enum PrefixError {
    /// Neither an address nor a prefix.
    #[error("{0:?} is no prefix: write it as 198.51.100.0/24, 2001:db8::/32 or 198.51.100.7, or @FILE with one a line")]
    Prefix(String),
    /// The same, in a file.
    #[error("{}, line {line}: {text:?} is no prefix; write one a line, as 198.51.100.0/24 or 2001:db8::/32", file.display())]
    Line {
        /// Which file.
        file: PathBuf,
        /// Which line, from 1 on.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A file that cannot be read.
    #[error("cannot read the prefixes in {}: {source}", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl PrefixSet {
    /// The set that these words make: prefixes, addresses, and `@FILE` for a file with one of them a line, where `#` begins a
    /// comment.
    ///
    /// # Errors
    /// At the first word or line that is none of these.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, PrefixError> {
        let mut prefixes = Vec::new();
        for word in words {
            match word.strip_prefix('@') {
                Some(file) => read(file.into(), &mut prefixes)?,
                None => prefixes.push(prefix(word).ok_or_else(|| PrefixError::Prefix(word.to_owned()))?),
            }
        }
        Ok(prefixes.into_iter().collect())
    }

    /// Whether nothing is in it.
    pub const fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// How many prefixes it takes to write it down.
    pub const fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: Address, is_v4: bool) -> bool {
        if is_v4 {
            let address = Ipv4Addr::from(address.v4());
            let after = self.v4.partition_point(|prefix| prefix.network() <= address);
            after > 0 && self.v4[after - 1].contains(&address)
        } else {
            let address = Ipv6Addr::from(address.v6());
            let after = self.v6.partition_point(|prefix| prefix.network() <= address);
            after > 0 && self.v6[after - 1].contains(&address)
        }
    }

    /// Adds the addresses of another set.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        self.nets().chain(other.nets()).collect()
    }

    /// Takes the addresses of another set out.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut left: Vec<IpNet> = self.nets().collect();
        for hole in other.nets() {
            left = left.into_iter().flat_map(|prefix| around(prefix, hole)).collect();
        }
        left.into_iter().collect()
    }

    /// Its prefixes in words.
    pub fn words(&self) -> Vec<String> {
        self.nets().map(|prefix| prefix.to_string()).collect()
    }

    fn nets(&self) -> impl Iterator<Item = IpNet> {
        let v4 = self.v4.iter().copied().map(IpNet::V4);
        v4.chain(self.v6.iter().copied().map(IpNet::V6))
    }

    /// The IPv4 prefixes.
    pub fn v4(&self) -> &[Ipv4Net] {
        &self.v4
    }

    /// The IPv6 prefixes.
    pub fn v6(&self) -> &[Ipv6Net] {
        &self.v6
    }
}

impl FromIterator<IpNet> for PrefixSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(prefixes: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            match prefix {
                IpNet::V4(prefix) => v4.push(prefix),
                IpNet::V6(prefix) => v6.push(prefix),
            }
        }
        // It sorts, drops what is inside another and joins neighbours.
        Self { v4: Ipv4Net::aggregate(&v4), v6: Ipv6Net::aggregate(&v6) }
    }
}

/// What is left of a prefix without another one.
fn around(prefix: IpNet, hole: IpNet) -> Vec<IpNet> {
    if hole.contains(&prefix) {
        return Vec::new();
    }
    let (mut left, mut rest) = (Vec::new(), prefix);
    // The half that does not hold it stays; the other one is cut in two again.
    while rest != hole && rest.contains(&hole) {
        let Ok(halves) = rest.subnets(rest.prefix_len() + 1) else { break };
        for half in halves {
            if half.contains(&hole) {
                rest = half;
            } else {
                left.push(half);
            }
        }
    }
    if left.is_empty() { vec![prefix] } else { left }
}

fn read(file: PathBuf, prefixes: &mut Vec<IpNet>) -> Result<(), PrefixError> {
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(source) => return Err(PrefixError::File { file, source }),
    };
    for (at, line) in text.lines().enumerate() {
        let word = line.split('#').next().unwrap_or("").trim();
        if !word.is_empty() {
            let Some(prefix) = prefix(word) else {
                return Err(PrefixError::Line { file, line: at + 1, text: word.to_owned() });
            };
            prefixes.push(prefix);
        }
    }
    Ok(())
}

fn prefix(word: &str) -> Option<IpNet> {
    let word = word.trim();
    word.parse::<IpNet>().ok().map(|prefix| prefix.trunc()).or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn v4(set: &PrefixSet, address: &str) -> bool {
        set.contains(Address::from_v4(address.parse::<Ipv4Addr>().unwrap().into()), true)
    }

    #[test]
    fn prefixes_are_joined_and_found() {
        let set =
            PrefixSet::parse(["198.51.100.128/25", "198.51.100.7/25", "203.0.113.9", "198.51.100.64/26"]).unwrap();
        assert_eq!(set.v4(), ["198.51.100.0/24".parse().unwrap(), "203.0.113.9/32".parse().unwrap()]);
        assert!(v4(&set, "198.51.100.0") && v4(&set, "198.51.100.255") && v4(&set, "203.0.113.9"));
        assert!(!v4(&set, "198.51.99.255") && !v4(&set, "198.51.101.0") && !v4(&set, "203.0.113.8"));
        assert!(!v4(&set, "0.0.0.0") && !v4(&PrefixSet::default(), "198.51.100.0"));
    }

    #[test]
    fn versions_do_not_mix() {
        let set = PrefixSet::parse(["2001:db8::/32", "0.0.0.0/0"]).unwrap();
        let v6 = |address: &str| set.contains(Address::from_v6(address.parse::<Ipv6Addr>().unwrap().into()), false);
        assert!(v6("2001:db8:ffff::1") && !v6("2001:db9::") && !v6("::1"));
        assert!(v4(&set, "255.255.255.255"));
    }

    #[test]
    fn a_file_holds_one_a_line_and_a_wrong_line_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ignored");
        fs::write(&file, "# scanners of our own\n198.51.100.0/24 # lab\n\n2001:db8::/48\n").unwrap();
        let word = format!("@{}", file.display());
        assert_eq!(PrefixSet::parse([word.as_str()]).unwrap().len(), 2);

        fs::write(&file, "198.51.100.0/24\n198.51.100.0/33\n").unwrap();
        let error = PrefixSet::parse([word.as_str()]).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "line 2: \"198.51.100.0/33\" is no prefix; write one a line, as 198.51.100.0/24 or 2001:db8::/32"
            ),
            "{error}"
        );
        assert!(PrefixSet::parse(["@/nonexistent"]).unwrap_err().to_string().contains("cannot read"));
        assert!(PrefixSet::parse(["example.net"]).is_err());
    }
}
