//! Changing the filters of a sensor that runs.

use std::{collections::BTreeMap, net::Ipv4Addr, num::NonZeroU32};

use honeyxdp_common::Family;
use serde::{Deserialize, Serialize};

use super::{Filters, Policy, PortError, PortSet, PrefixError, PrefixSet, UNKNOWN, Verdict};

/// Filters in words, as they are on the command line: what a change is about, and what is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Words {
    /// Ports that are counted, as 23,2323,8000-8100
    #[arg(long = "port", value_name = "PORTS", value_delimiter = ',')]
    pub port: Vec<String>,
    /// Ports that are not counted
    #[arg(long = "ignore-port", value_name = "PORTS", value_delimiter = ',')]
    pub ignore_port: Vec<String>,
    /// Destinations that are counted: prefixes, addresses, or @FILE with one a line
    #[arg(long = "dst", value_name = "CIDR", value_delimiter = ',')]
    pub dst: Vec<String>,
    /// Sources that are ignored: prefixes, addresses, or @FILE with one a line
    #[arg(long = "ignore-src", value_name = "CIDR", value_delimiter = ',')]
    pub ignore_src: Vec<String>,
    /// Families that are counted
    #[arg(long = "family", value_name = "FAMILY", value_delimiter = ',')]
    pub family: Vec<String>,
    /// Families that are not counted
    #[arg(long = "ignore-family", value_name = "FAMILY", value_delimiter = ',')]
    pub ignore_family: Vec<String>,
    /// Public addresses of local ones behind 1:1 NAT, as 10.0.0.5=198.51.100.5
    #[arg(long = "public-addr", value_name = "LOCAL=PUBLIC", value_delimiter = ',')]
    pub public_addr: Vec<String>,
}

/// Where a sensor shows its policy and takes changes, on its unix sockets alone.
pub const ROUTE: &str = "/rules";

/// The rules in force, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// Which SYNs are counted.
    pub filters: Words,
    /// What happens to them.
    pub verdict: Verdict,
    /// Records take one SYN in so many.
    pub sample_records: NonZeroU32,
}

impl InForce {
    /// A policy in words.
    pub fn of(policy: &Policy) -> Self {
        Self { filters: policy.filters.words(), verdict: policy.verdict, sample_records: policy.sample_records }
    }
}

/// What is to be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Change {
    /// The filters that are named.
    Filters {
        /// How.
        operation: Operation,
        /// To what.
        words: Words,
        /// What happens to a counted SYN from now on.
        #[serde(default)]
        verdict: Option<Verdict>,
        /// Records take one SYN in so many from now on.
        #[serde(default)]
        sample_records: Option<NonZeroU32>,
    },
    /// No filter any more, of those that are named, or of all.
    Clear {
        /// Names as on the command line, without dashes.
        names: Vec<String>,
    },
}

impl Change {
    /// The policy after the change.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn apply(self, policy: &Policy) -> Result<Policy, ChangeError> {
        let mut new = policy.clone();
        match self {
            Self::Filters { operation, words, verdict, sample_records } => {
                if !words.is_empty() || (verdict.is_none() && sample_records.is_none()) {
                    new.filters = policy.filters.changed(operation, &words)?;
                }
                new.verdict = verdict.unwrap_or(new.verdict);
                new.sample_records = sample_records.unwrap_or(new.sample_records);
            }
            Self::Clear { names } => {
                let all = Filters::default();
                let is = |filter: &[&str]| names.is_empty() || names.iter().any(|name| filter.contains(&name.as_str()));
                if is(&["port", "ignore-port"]) {
                    new.filters.ports = all.ports;
                }
                if is(&["family", "ignore-family"]) {
                    new.filters.families = all.families;
                }
                if is(&["dst"]) {
                    new.filters.destinations = all.destinations;
                }
                if is(&["ignore-src"]) {
                    new.filters.ignored_sources = all.ignored_sources;
                }
                if is(&["public-addr"]) {
                    new.filters.public_addresses = all.public_addresses;
                }
            }
        }
        Ok(new)
    }
}

/// What is done with the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// They come to those that are there.
    Add,
    /// They go.
    Remove,
    /// They come in the place of those that are there; a filter of which nothing is said stays.
    Set,
}

/// Why a change makes no sense. The filters stay as they were then.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Not a list of ports.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Not a list of prefixes.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
    /// No such family.
    #[error("there is no family {name:?}: the families are {}", names())]
    Family {
        /// What was asked for.
        name: String,
    },
    /// Not a pair of addresses.
    #[error("{0:?} is no pair of addresses: write it as 10.0.0.5=198.51.100.5, IPv4")]
    Pair(String),
    /// Nothing is left.
    #[error("that leaves no {0} to count; `honeyxdp filter clear` counts all again")]
    NothingLeft(&'static str),
    /// It is not there.
    #[error("{0} is not in the list; `honeyxdp filter show` tells what is")]
    NotThere(String),
    /// A list is read where the command is given, and not by the sensor.
    #[error("a sensor takes prefixes, and reads no file for others: {0:?}")]
    File(String),
    /// Nothing was said.
    #[error("name at least one filter, as --ignore-src 198.51.100.0/24")]
    Nothing,
}

fn names() -> String {
    let names: Vec<&str> = Family::ALL.iter().map(|family| family.name()).collect();
    names.join(", ")
}

/// The family with this name.
///
/// # Errors
/// When there is none.
pub fn family(name: &str) -> Result<Family, ChangeError> {
    let name = name.trim();
    let found = Family::ALL.iter().copied().find(|family| family.name() == name);
    found.ok_or_else(|| ChangeError::Family { name: name.to_owned() })
}

/// A local address and its public one, as `10.0.0.5=198.51.100.5`.
///
/// # Errors
/// When it is no such pair.
pub fn public_address(pair: &str) -> Result<(Ipv4Addr, Ipv4Addr), ChangeError> {
    let parse = |(local, public): (&str, &str)| Some((local.trim().parse().ok()?, public.trim().parse().ok()?));
    pair.split_once('=').and_then(parse).ok_or_else(|| ChangeError::Pair(pair.to_owned()))
}

impl Words {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same with the lists of prefixes read that files hold.
    ///
    /// # Errors
    /// When one cannot be read, or holds something else.
    pub fn with_files_read(mut self) -> Result<Self, PrefixError> {
        for list in [&mut self.dst, &mut self.ignore_src] {
            *list = PrefixSet::parse(list.iter().map(String::as_str))?.words();
        }
        Ok(self)
    }

    /// Refuses files: what a sensor may read is not for others to see.
    fn without_files(&self) -> Result<(), ChangeError> {
        match self.dst.iter().chain(&self.ignore_src).find(|word| word.trim().starts_with('@')) {
            Some(word) => Err(ChangeError::File(word.clone())),
            None => Ok(()),
        }
    }
}

fn prefixes(words: &[String]) -> Result<PrefixSet, PrefixError> {
    PrefixSet::parse(words.iter().map(String::as_str))
}

fn ports(words: &[String]) -> Result<Option<PortSet>, PortError> {
    if words.is_empty() { Ok(None) } else { words.join(",").parse().map(Some) }
}

fn families(words: &[String]) -> Result<Option<u32>, ChangeError> {
    let bits = words.iter().try_fold(0, |bits, name| Ok::<_, ChangeError>(bits | 1 << family(name)?.wire_id()))?;
    Ok((!words.is_empty()).then_some(bits))
}

impl Filters {
    /// These filters after a change.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn changed(&self, operation: Operation, words: &Words) -> Result<Self, ChangeError> {
        if words.is_empty() {
            return Err(ChangeError::Nothing);
        }
        words.without_files()?;
        let mut new = self.clone();
        if let Some(ports) = ports(&words.port)? {
            new.ports = match operation {
                Operation::Add if new.ports.is_all() => ports,
                Operation::Add => new.ports.with(&ports),
                Operation::Remove => new.ports.without(&ports),
                Operation::Set => ports,
            };
        }
        if let Some(ports) = ports(&words.ignore_port)? {
            new.ports = match operation {
                Operation::Add => new.ports.without(&ports),
                Operation::Remove => new.ports.with(&ports),
                // With --port in the same breath, of those.
                Operation::Set if !words.port.is_empty() => new.ports.without(&ports),
                Operation::Set => PortSet::ALL.without(&ports),
            };
        }
        if new.ports.iter().next().is_none() {
            return Err(ChangeError::NothingLeft("port"));
        }
        if let Some(families) = families(&words.family)? {
            new.families = match operation {
                Operation::Add if new.families == u32::MAX => families,
                Operation::Add => new.families | families,
                Operation::Remove => new.families & !families,
                Operation::Set => families,
            };
        }
        if let Some(families) = families(&words.ignore_family)? {
            new.families = match operation {
                Operation::Add => new.families & !families,
                Operation::Remove => new.families | families,
                Operation::Set if !words.family.is_empty() => new.families & !families,
                Operation::Set => !families,
            };
        }
        if Family::ALL.iter().all(|&family| new.of_family(family).is_some()) {
            return Err(ChangeError::NothingLeft("family"));
        }
        new.families |= UNKNOWN;
        if !words.dst.is_empty() {
            new.destinations = change_prefixes(&new.destinations, operation, &words.dst)?;
            if new.destinations.is_empty() {
                // An empty list means all destinations, which is not what anybody meant who took one away.
                return Err(ChangeError::NothingLeft("destination"));
            }
        }
        if !words.ignore_src.is_empty() {
            new.ignored_sources = change_prefixes(&new.ignored_sources, operation, &words.ignore_src)?;
        }
        change_addresses(&mut new.public_addresses, operation, &words.public_addr)?;
        Ok(new)
    }

    /// These filters in words.
    pub fn words(&self) -> Words {
        let counted = Family::ALL.iter().filter(|family| self.of_family(**family).is_none());
        Words {
            port: if self.ports.is_all() { Vec::new() } else { vec![self.ports.to_string()] },
            family: match self.families {
                u32::MAX => Vec::new(),
                _ => counted.map(|family| family.name().to_owned()).collect(),
            },
            dst: self.destinations.words(),
            ignore_src: self.ignored_sources.words(),
            public_addr: self.public_addresses.iter().map(|(local, public)| format!("{local}={public}")).collect(),
            ..Words::default()
        }
    }
}

fn change_prefixes(set: &PrefixSet, operation: Operation, words: &[String]) -> Result<PrefixSet, ChangeError> {
    let other = prefixes(words)?;
    Ok(match operation {
        Operation::Add => set.with(&other),
        Operation::Set => other,
        Operation::Remove => {
            let left = set.without(&other);
            if left == *set {
                return Err(ChangeError::NotThere(words.join(", ")));
            }
            left
        }
    })
}

fn change_addresses(
    addresses: &mut BTreeMap<Ipv4Addr, Ipv4Addr>,
    operation: Operation,
    words: &[String],
) -> Result<(), ChangeError> {
    if words.is_empty() {
        return Ok(());
    }
    if operation == Operation::Set {
        addresses.clear();
    }
    for word in words {
        let (local, public) = public_address(word)?;
        if operation != Operation::Remove {
            addresses.insert(local, public);
        } else if addresses.get(&local) == Some(&public) {
            addresses.remove(&local);
        } else {
            return Err(ChangeError::NotThere(word.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[(&str, &str)]) -> Words {
        let mut words = Words::default();
        for &(name, value) in list {
            let list = match name {
                "port" => &mut words.port,
                "ignore-port" => &mut words.ignore_port,
                "dst" => &mut words.dst,
                "ignore-src" => &mut words.ignore_src,
                "family" => &mut words.family,
                "ignore-family" => &mut words.ignore_family,
                _ => &mut words.public_addr,
            };
            list.push(value.to_owned());
        }
        words
    }

    fn change(filters: &Filters, operation: Operation, list: &[(&str, &str)]) -> Filters {
        filters.changed(operation, &words(list)).unwrap()
    }

    #[test]
    fn what_is_added_and_removed_again_leaves_what_was_there() {
        use Operation::{Add, Remove};
        let first = change(&Filters::default(), Operation::Set, &[("port", "23,80-90"), ("ignore-src", "10.0.0.0/8")]);
        for list in [
            [("port", "2323")],
            [("ignore-src", "192.0.2.0/24")],
            [("ignore-port", "85")],
            [("ignore-family", "nmap")],
            [("public-addr", "10.0.0.5=198.51.100.5")],
        ] {
            let added = change(&first, Add, &list);
            assert_ne!(added, first, "{list:?}");
            assert_eq!(change(&added, Remove, &list), first, "{list:?}");
        }
    }

    #[test]
    fn the_first_port_or_family_that_is_added_is_the_only_one() {
        let ports = change(&Filters::default(), Operation::Add, &[("port", "23"), ("family", "mirai")]);
        assert_eq!(ports.ports.to_string(), "23");
        assert_eq!(ports.words().family, ["mirai"]);
        let more = change(&ports, Operation::Add, &[("port", "80"), ("family", "nmap")]);
        assert_eq!((more.ports.to_string(), more.words().family.len()), ("23,80".to_owned(), 2));
    }

    #[test]
    fn a_part_of_a_prefix_can_be_taken_out() {
        let all = change(&Filters::default(), Operation::Set, &[("ignore-src", "10.0.0.0/8")]);
        let less = change(&all, Operation::Remove, &[("ignore-src", "10.0.0.7")]);
        assert_eq!(less.ignored_sources.len(), 24);
        let address = |host: u32| honeyxdp_common::Address::from_v4(0x0a00_0000 + host);
        assert!(!less.ignored_sources.contains(address(7), true) && less.ignored_sources.contains(address(8), true));
        assert_eq!(change(&less, Operation::Add, &[("ignore-src", "10.0.0.7")]), all);
    }

    #[test]
    fn words_say_all_and_make_the_same_filters() {
        let filters = change(
            &Filters::default(),
            Operation::Set,
            &[
                ("port", "23"),
                ("dst", "2001:db8::/32"),
                ("ignore-family", "zmap"),
                ("public-addr", "10.0.0.5=192.0.2.5"),
            ],
        );
        assert_eq!(Filters::default().changed(Operation::Set, &filters.words()).unwrap(), filters);
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let filters = change(&Filters::default(), Operation::Set, &[("port", "23"), ("dst", "10.0.0.0/8")]);
        for (operation, list, said) in [
            (Operation::Remove, ("port", "23"), "leaves no port"),
            (Operation::Remove, ("dst", "10.0.0.0/8"), "leaves no destination"),
            (Operation::Remove, ("ignore-src", "10.0.0.0/8"), "is not in the list"),
            (Operation::Remove, ("public-addr", "10.0.0.5=192.0.2.5"), "is not in the list"),
            (Operation::Set, ("family", "mira"), "there is no family \"mira\": the families are mirai, zmap"),
            (Operation::Set, ("ignore-src", "@/etc/passwd"), "reads no file"),
            (Operation::Add, ("ignore-src", "10.0.0.0/99"), "is no prefix"),
            (Operation::Add, ("public-addr", "10.0.0.5"), "is no pair"),
        ] {
            let error = filters.changed(operation, &words(&[list])).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert!(filters.changed(Operation::Set, &Words::default()).is_err());
    }
}
