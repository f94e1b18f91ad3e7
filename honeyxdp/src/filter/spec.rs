//! The one list of filters: names, flags, variables, help and syntax.
//!
//! From it come the flags of `run`, `replay` and `filter`, the keys of the settings file, the names that a live change
//! takes, the keys of the snapshot's report, and their help.

use std::{fmt, str::FromStr};

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{PortSet, PrefixSet, change};

/// Name of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FilterName {
    /// Ports that are counted.
    Port,
    /// Ports that are not counted.
    IgnorePort,
    /// Destinations that are counted.
    Dst,
    /// Sources that are not counted.
    IgnoreSrc,
    /// Families that are counted.
    Family,
    /// Families that are not counted.
    IgnoreFamily,
    /// Public addresses behind 1:1 NAT.
    PublicAddr,
}

struct Spec {
    name: FilterName,
    /// The flag without dashes, which is also the key in files and JSON.
    flag: &'static str,
    /// Variable of the environment.
    variable: &'static str,
    value: &'static str,
    help: &'static str,
    /// Why a value is wrong.
    check: fn(&str) -> Result<(), String>,
}

const SPECS: [Spec; 7] = [
    Spec {
        name: FilterName::Port,
        flag: "port",
        variable: "HONEYXDP_PORT",
        value: "PORTS",
        help: "Count only SYNs to these ports, as 23,2323,8000-8100",
        check: is_ports,
    },
    Spec {
        name: FilterName::IgnorePort,
        flag: "ignore-port",
        variable: "HONEYXDP_IGNORE_PORT",
        value: "PORTS",
        help: "Do not count SYNs to these ports",
        check: is_ports,
    },
    Spec {
        name: FilterName::Dst,
        flag: "dst",
        variable: "HONEYXDP_DST",
        value: "CIDR",
        help: "Count only SYNs to these destinations: prefixes, addresses, or @FILE with one per line",
        check: is_prefix,
    },
    Spec {
        name: FilterName::IgnoreSrc,
        flag: "ignore-src",
        variable: "HONEYXDP_IGNORE_SRC",
        value: "CIDR",
        help: "Do not count SYNs from these sources: prefixes, addresses, or @FILE with one per line",
        check: is_prefix,
    },
    Spec {
        name: FilterName::Family,
        flag: "family",
        variable: "HONEYXDP_FAMILY",
        value: "FAMILY",
        help: "Count only SYNs of these families, as mirai,hajime,other; `honeyxdp fingerprints` lists them",
        check: is_family,
    },
    Spec {
        name: FilterName::IgnoreFamily,
        flag: "ignore-family",
        variable: "HONEYXDP_IGNORE_FAMILY",
        value: "FAMILY",
        help: "Do not count SYNs of these families",
        check: is_family,
    },
    Spec {
        name: FilterName::PublicAddr,
        flag: "public-addr",
        variable: "HONEYXDP_PUBLIC_ADDR",
        value: "LOCAL=PUBLIC",
        help: "Behind 1:1 NAT: the public address of a local one, as 10.0.0.5=198.51.100.5. Fingerprints of the destination need it",
        check: is_pair,
    },
];

fn is_ports(text: &str) -> Result<(), String> {
    text.parse::<PortSet>().map(drop).map_err(|error| error.to_string())
}

/// A file is read later, by the process that needs it.
fn is_prefix(text: &str) -> Result<(), String> {
    if text.trim().starts_with('@') {
        return Ok(());
    }
    PrefixSet::parse([text]).map(drop).map_err(|error| error.to_string())
}

fn is_family(text: &str) -> Result<(), String> {
    change::family(text).map(drop).map_err(|error| error.to_string())
}

fn is_pair(text: &str) -> Result<(), String> {
    change::public_address(text).map(drop).map_err(|error| error.to_string())
}

impl FilterName {
    /// All filters, in the order of --help.
    pub const ALL: [Self; SPECS.len()] = {
        let (mut all, mut at) = ([Self::Port; SPECS.len()], 0);
        while at < SPECS.len() {
            all[at] = SPECS[at].name;
            at += 1;
        }
        all
    };

    /// The flag without its dashes: also the key in the settings file and in live changes.
    pub const fn flag(self) -> &'static str {
        SPECS[self as usize].flag
    }

    /// The key in a snapshot.
    pub fn key(self) -> String {
        self.flag().replace('-', "_")
    }
}

impl fmt::Display for FilterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.flag())
    }
}

impl FromStr for FilterName {
    type Err = String;

    /// Takes the name with or without dashes.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim_start_matches("--");
        Self::ALL.into_iter().find(|filter| filter.flag() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::flag).collect();
            format!("there is no filter {name:?}: the filters are {}", names.join(", "))
        })
    }
}

impl Serialize for FilterName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.flag())
    }
}

impl<'de> Deserialize<'de> for FilterName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The values of each filter, as they are written after its flag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterWords([Vec<String>; SPECS.len()]);

impl FilterWords {
    /// The values of a filter; empty if it is not named.
    pub fn get(&self, name: FilterName) -> &[String] {
        &self.0[name as usize]
    }

    /// The values of a filter, to change them.
    pub const fn get_mut(&mut self, name: FilterName) -> &mut Vec<String> {
        &mut self.0[name as usize]
    }

    /// Filters with their values.
    pub fn iter(&self) -> impl Iterator<Item = (FilterName, &[String])> {
        FilterName::ALL.into_iter().map(|name| (name, self.get(name)))
    }

    /// Whether no filter is named.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }
}

impl Serialize for FilterWords {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for FilterWords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = FilterWords;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("filters with lists of values")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<FilterWords, A::Error> {
                let mut words = FilterWords::default();
                while let Some(name) = map.next_key::<FilterName>()? {
                    *words.get_mut(name) = map.next_value()?;
                }
                Ok(words)
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

/// Arguments of a live change, which no variable sets.
impl clap::Args for FilterWords {
    fn augment_args(command: Command) -> Command {
        command.args(SPECS.iter().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FilterWords {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut words = Self::default();
        words.update_from_arg_matches(matches)?;
        Ok(words)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for spec in &SPECS {
            if let Some(values) = matches.get_many::<String>(spec.flag) {
                *self.get_mut(spec.name) = values.cloned().collect();
            }
        }
        Ok(())
    }
}

/// Filters as settings of a command: flags that the environment can set too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterArgs(pub FilterWords);

impl clap::Args for FilterArgs {
    fn augment_args(command: Command) -> Command {
        command.args(SPECS.iter().map(|spec| arg(spec).env(spec.variable).help_heading("Filters")))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FilterArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        FilterWords::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

fn arg(spec: &Spec) -> Arg {
    let check = spec.check;
    Arg::new(spec.flag)
        .long(spec.flag)
        .value_name(spec.value)
        .value_delimiter(',')
        .action(ArgAction::Append)
        .value_parser(move |text: &str| check(text).map(|()| text.to_owned()))
        .help(spec.help)
}

/// Names of filters, as words or as flags without values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterNames(pub Vec<FilterName>);

impl clap::Args for FilterNames {
    fn augment_args(command: Command) -> Command {
        let names = Arg::new("names")
            .value_name("FILTER")
            .num_args(0..)
            .value_parser(|text: &str| text.parse::<FilterName>())
            .help("Filters to remove, as port or --port. Default: all");
        let flag = |spec: &Spec| Arg::new(spec.flag).long(spec.flag).action(ArgAction::SetTrue).hide(true);
        command.arg(names).args(SPECS.iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FilterNames {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let named = matches.get_many::<FilterName>("names").into_iter().flatten().copied();
        let flags = SPECS.iter().filter(|spec| matches.get_flag(spec.flag)).map(|spec| spec.name);
        Ok(Self(named.chain(flags).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_are_in_the_order_of_their_names() {
        for (at, spec) in SPECS.iter().enumerate() {
            assert_eq!(spec.name as usize, at);
            assert_eq!(spec.flag.parse(), Ok(spec.name));
            assert_eq!(format!("--{}", spec.flag).parse(), Ok(spec.name));
            assert_eq!(spec.variable, format!("HONEYXDP_{}", spec.name.key().to_uppercase()));
        }
        assert!("colour".parse::<FilterName>().unwrap_err().contains("the filters are port, ignore-port"));
    }

    #[test]
    fn words_survive_json_and_unknown_names_are_rejected() {
        let mut words = FilterWords::default();
        words.get_mut(FilterName::IgnoreSrc).push("192.0.2.0/24".to_owned());
        let json = serde_json::to_string(&words).unwrap();
        assert!(json.contains("\"port\":[]") && json.contains("\"ignore-src\":[\"192.0.2.0/24\"]"), "{json}");
        assert_eq!(serde_json::from_str::<FilterWords>(&json).unwrap(), words);
        assert!(serde_json::from_str::<FilterWords>("{\"colour\":[]}").is_err());
    }

    #[test]
    fn clear_takes_names_and_flags() {
        let command = <FilterNames as clap::Args>::augment_args(Command::new("clear"));
        let matches = command.try_get_matches_from(["clear", "port", "--ignore-src"]).unwrap();
        assert_eq!(FilterNames::from_arg_matches(&matches).unwrap().0, [FilterName::Port, FilterName::IgnoreSrc]);
    }
}
