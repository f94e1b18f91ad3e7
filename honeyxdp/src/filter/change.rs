//! Changes of the filters, live or from settings.

use std::{net::Ipv4Addr, num::NonZeroU32, path::Path};

use honeyxdp_common::Family;
use serde::{Deserialize, Serialize};

use super::{FilterName, FilterWords, Filters, Policy, PortError, PortSet, PrefixError, PrefixSet, UNKNOWN, Verdict};

/// Where a sensor shows its policy and takes changes, on its unix sockets alone.
pub const ROUTE: &str = "/rules";

/// The rules in force, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// Which SYNs are counted.
    pub filters: FilterWords,
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
        words: FilterWords,
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
        names: Vec<FilterName>,
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
                let all = FilterName::ALL.into_iter();
                all.filter(|name| names.is_empty() || names.contains(name)).for_each(|name| new.filters.clear(name));
            }
        }
        Ok(new)
    }
}

/// How words change filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Adds the values.
    Add,
    /// Removes the values.
    Remove,
    /// Replaces the values of the filters that are named.
    Set,
}

/// Why a change is rejected. The filters stay as they are.
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
    /// A local address with two public ones.
    #[error("{0} has two public addresses")]
    TwoAddresses(Ipv4Addr),
    /// Nothing is left to count.
    #[error("this leaves no {0} to count; `honeyxdp filter clear` counts everything again")]
    NothingLeft(&'static str),
    /// A value to remove that is not in force.
    #[error("{0} is not in force, so there is nothing to remove; `honeyxdp filter show` lists the filters")]
    NotThere(String),
    /// A prefix list in a live change. The client reads it, not the sensor.
    #[error("a sensor takes prefixes and reads no file for a client: {0:?}")]
    File(String),
    /// A change without a filter.
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

impl FilterWords {
    /// The same words, with the prefix lists read that they name.
    ///
    /// # Errors
    /// Returns an error if a list cannot be read or has something else in it.
    pub fn with_files_read(mut self) -> Result<Self, PrefixError> {
        for name in [FilterName::Dst, FilterName::IgnoreSrc] {
            *self.get_mut(name) = prefixes(self.get(name))?.words();
        }
        Ok(self)
    }

    /// Prefix lists that the words name.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let words = self.get(FilterName::Dst).iter().chain(self.get(FilterName::IgnoreSrc));
        words.filter_map(|word| word.trim().strip_prefix('@')).map(Path::new)
    }

    /// Rejects files: a client must not read files with the sensor's privileges.
    fn without_files(&self) -> Result<(), ChangeError> {
        match self.files().next() {
            Some(file) => Err(ChangeError::File(file.display().to_string())),
            None => Ok(()),
        }
    }
}

fn prefixes(words: &[String]) -> Result<PrefixSet, PrefixError> {
    PrefixSet::parse(words.iter().map(String::as_str))
}

impl Filters {
    /// The filters that settings describe, with the prefix lists read.
    ///
    /// # Errors
    /// Returns every error, with the filters at fault.
    pub fn from_settings(words: &FilterWords) -> Result<Self, Vec<(Vec<FilterName>, ChangeError)>> {
        let mut filters = Self::default();
        let mut errors = Vec::new();
        for (name, values) in words.iter().filter(|(_, values)| !values.is_empty()) {
            let operation = if name.is_exclusion() { Operation::Add } else { Operation::Set };
            if let Err(error) = filters.change(name, operation, values) {
                errors.push((vec![name], error));
            }
        }
        let pairs = words.get(FilterName::PublicAddr).iter().filter_map(|pair| public_address(pair).ok());
        let is_other = |(local, public): &(Ipv4Addr, Ipv4Addr)| filters.public_addresses.get(local) != Some(public);
        if let Some((local, _)) = pairs.into_iter().find(is_other) {
            errors.push((vec![FilterName::PublicAddr], ChangeError::TwoAddresses(local)));
        }
        if let Some(nothing) = filters.nothing_left() {
            let named = nothing.filters().into_iter().filter(|&name| !words.get(name).is_empty()).collect();
            errors.push((named, ChangeError::NothingLeft(nothing.name())));
        }
        if errors.is_empty() { Ok(filters) } else { Err(errors) }
    }

    /// These filters after a change.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn changed(&self, operation: Operation, words: &FilterWords) -> Result<Self, ChangeError> {
        if words.is_empty() {
            return Err(ChangeError::Nothing);
        }
        words.without_files()?;
        let mut new = self.clone();
        for (name, values) in words.iter().filter(|(_, values)| !values.is_empty()) {
            // `set --port 1-100 --ignore-port 22` means all of the first but the second.
            let refines =
                operation == Operation::Set && name.refines().is_some_and(|other| !words.get(other).is_empty());
            new.change(name, if refines { Operation::Add } else { operation }, values)?;
        }
        if let Some(what) = new.nothing_left() {
            return Err(ChangeError::NothingLeft(what.name()));
        }
        if !words.get(FilterName::Dst).is_empty() && new.destinations.is_empty() {
            // An empty list counts all destinations, which nobody means who removes one.
            return Err(ChangeError::NothingLeft("destination"));
        }
        Ok(new)
    }

    /// Changes one filter.
    fn change(&mut self, name: FilterName, operation: Operation, values: &[String]) -> Result<(), ChangeError> {
        let not_there = || ChangeError::NotThere(format!("--{name} {}", values.join(",")));
        match name {
            FilterName::Port | FilterName::IgnorePort => {
                let ports: PortSet = values.join(",").parse()?;
                let is_all = self.ports.is_all();
                let new = match (name == FilterName::IgnorePort, operation) {
                    (false, Operation::Add) if !is_all => self.ports.with(&ports),
                    (false, Operation::Add | Operation::Set) => ports,
                    (false, Operation::Remove) | (true, Operation::Add) => self.ports.without(&ports),
                    (true, Operation::Remove) => self.ports.with(&ports),
                    (true, Operation::Set) => PortSet::ALL.without(&ports),
                };
                if operation == Operation::Remove && new == self.ports {
                    return Err(not_there());
                }
                self.ports = new;
            }
            FilterName::Family | FilterName::IgnoreFamily => {
                let families = values
                    .iter()
                    .try_fold(0, |bits, name| Ok::<_, ChangeError>(bits | 1 << family(name)?.wire_id()))?;
                let is_all = self.families == u32::MAX;
                let new = match (name == FilterName::IgnoreFamily, operation) {
                    (false, Operation::Add) if !is_all => self.families | families,
                    (false, Operation::Add | Operation::Set) => families,
                    (false, Operation::Remove) | (true, Operation::Add) => self.families & !families,
                    (true, Operation::Remove) => self.families | families,
                    (true, Operation::Set) => !families,
                } | UNKNOWN;
                if operation == Operation::Remove && new == self.families {
                    return Err(not_there());
                }
                self.families = new;
            }
            FilterName::Dst => change_prefixes(&mut self.destinations, operation, values).ok_or_else(not_there)??,
            FilterName::IgnoreSrc => {
                change_prefixes(&mut self.ignored_sources, operation, values).ok_or_else(not_there)??;
            }
            FilterName::PublicAddr => {
                if operation == Operation::Set {
                    self.public_addresses.clear();
                }
                for word in values {
                    let (local, public) = public_address(word)?;
                    if operation != Operation::Remove {
                        self.public_addresses.insert(local, public);
                    } else if self.public_addresses.get(&local) == Some(&public) {
                        self.public_addresses.remove(&local);
                    } else {
                        return Err(not_there());
                    }
                }
            }
        }
        Ok(())
    }

    /// Removes a filter.
    pub fn clear(&mut self, name: FilterName) {
        let all = Self::default();
        match name {
            FilterName::Port | FilterName::IgnorePort => self.ports = all.ports,
            FilterName::Family | FilterName::IgnoreFamily => self.families = all.families,
            FilterName::Dst => self.destinations = all.destinations,
            FilterName::IgnoreSrc => self.ignored_sources = all.ignored_sources,
            FilterName::PublicAddr => self.public_addresses = all.public_addresses,
        }
    }

    fn nothing_left(&self) -> Option<Nothing> {
        if self.ports.is_none() {
            Some(Nothing::Port)
        } else if Family::ALL.iter().all(|&family| self.of_family(family).is_some()) {
            Some(Nothing::Family)
        } else {
            None
        }
    }

    /// These filters in words.
    pub fn words(&self) -> FilterWords {
        let mut words = FilterWords::default();
        FilterName::ALL.into_iter().for_each(|name| *words.get_mut(name) = self.values(name));
        words
    }

    /// The values of one filter. What is ignored of ports and families is left out of what is counted.
    fn values(&self, name: FilterName) -> Vec<String> {
        match name {
            FilterName::Port if !self.ports.is_all() => vec![self.ports.to_string()],
            FilterName::Family if self.families != u32::MAX => {
                let counted = Family::ALL.iter().filter(|family| self.of_family(**family).is_none());
                counted.map(|family| family.name().to_owned()).collect()
            }
            FilterName::Dst => self.destinations.words(),
            FilterName::IgnoreSrc => self.ignored_sources.words(),
            FilterName::PublicAddr => {
                self.public_addresses.iter().map(|(local, public)| format!("{local}={public}")).collect()
            }
            FilterName::Port | FilterName::Family | FilterName::IgnorePort | FilterName::IgnoreFamily => Vec::new(),
        }
    }
}

impl FilterName {
    /// Whether its values are taken out of what is counted.
    const fn is_exclusion(self) -> bool {
        matches!(self, Self::IgnorePort | Self::IgnoreFamily)
    }

    /// The filter whose values it is taken out of.
    const fn refines(self) -> Option<Self> {
        match self {
            Self::IgnorePort => Some(Self::Port),
            Self::IgnoreFamily => Some(Self::Family),
            _ => None,
        }
    }
}

/// What a choice of filters would leave nothing of.
#[derive(Clone, Copy)]
enum Nothing {
    Port,
    Family,
}

impl Nothing {
    const fn filters(self) -> [FilterName; 2] {
        match self {
            Self::Port => [FilterName::Port, FilterName::IgnorePort],
            Self::Family => [FilterName::Family, FilterName::IgnoreFamily],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::Family => "family",
        }
    }
}

/// Changes a set of prefixes. Returns `None` if nothing of the values is in it to remove.
fn change_prefixes(set: &mut PrefixSet, operation: Operation, values: &[String]) -> Option<Result<(), ChangeError>> {
    let other = match prefixes(values) {
        Ok(other) => other,
        Err(error) => return Some(Err(error.into())),
    };
    let new = match operation {
        Operation::Add => set.with(&other),
        Operation::Set => other,
        Operation::Remove => set.without(&other),
    };
    if operation == Operation::Remove && new == *set {
        return None;
    }
    *set = new;
    Some(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[(&str, &str)]) -> FilterWords {
        let mut words = FilterWords::default();
        for &(name, value) in list {
            words.get_mut(name.parse().unwrap()).push(value.to_owned());
        }
        words
    }

    fn change(filters: &Filters, operation: Operation, list: &[(&str, &str)]) -> Filters {
        filters.changed(operation, &words(list)).unwrap()
    }

    #[test]
    fn removal_undoes_an_addition() {
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
    fn first_added_port_or_family_is_the_only_one() {
        let ports = change(&Filters::default(), Operation::Add, &[("port", "23"), ("family", "mirai")]);
        assert_eq!(ports.ports.to_string(), "23");
        assert_eq!(ports.words().get(FilterName::Family), ["mirai"]);
        let more = change(&ports, Operation::Add, &[("port", "80"), ("family", "nmap")]);
        assert_eq!((more.ports.to_string(), more.words().get(FilterName::Family).len()), ("23,80".to_owned(), 2));
    }

    #[test]
    fn removes_part_of_a_prefix() {
        let all = change(&Filters::default(), Operation::Set, &[("ignore-src", "10.0.0.0/8")]);
        let less = change(&all, Operation::Remove, &[("ignore-src", "10.0.0.7")]);
        assert_eq!(less.ignored_sources.len(), 24);
        let address = |host: u32| honeyxdp_common::Address::from_v4(0x0a00_0000 + host);
        assert!(!less.ignored_sources.contains(address(7), true) && less.ignored_sources.contains(address(8), true));
        assert_eq!(change(&less, Operation::Add, &[("ignore-src", "10.0.0.7")]), all);
    }

    #[test]
    fn words_make_the_same_filters() {
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
    fn rejects_invalid_changes() {
        let filters = change(&Filters::default(), Operation::Set, &[("port", "23"), ("dst", "10.0.0.0/8")]);
        for (operation, list, said) in [
            (Operation::Remove, ("port", "23"), "leaves no port"),
            (Operation::Remove, ("port", "24"), "--port 24 is not in force"),
            (Operation::Remove, ("ignore-family", "mirai"), "is not in force"),
            (Operation::Remove, ("dst", "10.0.0.0/8"), "leaves no destination"),
            (Operation::Remove, ("ignore-src", "10.0.0.0/8"), "is not in force"),
            (Operation::Remove, ("public-addr", "10.0.0.5=192.0.2.5"), "is not in force"),
            (Operation::Set, ("family", "mira"), "there is no family \"mira\": the families are mirai, zmap"),
            (Operation::Set, ("ignore-src", "@/etc/passwd"), "reads no file"),
            (Operation::Add, ("ignore-src", "10.0.0.0/99"), "is no prefix"),
            (Operation::Add, ("public-addr", "10.0.0.5"), "is no pair"),
        ] {
            let error = filters.changed(operation, &words(&[list])).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert!(filters.changed(Operation::Set, &FilterWords::default()).is_err());
    }
}
