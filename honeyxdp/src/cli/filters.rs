//! The filters on the command line.

use std::{collections::BTreeMap, net::Ipv4Addr, path::Path};

use anyhow::{Context as _, bail};
use honeyxdp_common::Family;

use crate::filter::{Filters, PortSet, PrefixSet, UNKNOWN, change};

/// Which SYNs are counted. The others have the disposition `filtered`, with the reason.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct FilterArgs {
    /// Count only SYNs to these ports, as 23,2323,8000-8100
    #[arg(long = "port", value_name = "PORTS", env = "HONEYXDP_PORT")]
    ports: Vec<PortSet>,
    /// Do not count SYNs to these ports
    #[arg(long = "ignore-port", value_name = "PORTS", env = "HONEYXDP_IGNORE_PORT")]
    ignored_ports: Vec<PortSet>,
    /// Count only SYNs to these destinations: prefixes, addresses, or @FILE with one a line
    #[arg(long = "dst", value_name = "CIDR", env = "HONEYXDP_DST", value_delimiter = ',')]
    destinations: Vec<String>,
    /// Do not count SYNs from these sources: prefixes, addresses, or @FILE with one a line
    #[arg(long = "ignore-src", value_name = "CIDR", env = "HONEYXDP_IGNORE_SRC", value_delimiter = ',')]
    ignored_sources: Vec<String>,
    /// Count only SYNs of these families, as mirai,hajime,other; `honeyxdp snapshot --schema` and docs/marks.md name them
    #[arg(long = "family", value_name = "FAMILY", env = "HONEYXDP_FAMILY", value_delimiter = ',', value_parser = family)]
    families: Vec<Family>,
    /// Do not count SYNs of these families
    #[arg(
        long = "ignore-family",
        value_name = "FAMILY",
        env = "HONEYXDP_IGNORE_FAMILY",
        value_delimiter = ',',
        value_parser = family
    )]
    ignored_families: Vec<Family>,
    /// Behind 1:1 NAT: the public address of a local one. Marks that look at the destination need it
    #[arg(
        long = "public-addr",
        value_name = "LOCAL=PUBLIC",
        env = "HONEYXDP_PUBLIC_ADDR",
        value_delimiter = ',',
        value_parser = public_address
    )]
    public_addresses: Vec<(Ipv4Addr, Ipv4Addr)>,
}

impl FilterArgs {
    /// Files that hold prefixes.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let words = self.destinations.iter().chain(&self.ignored_sources);
        words.filter_map(|word| word.trim().strip_prefix('@')).map(Path::new)
    }

    /// The filters, with the files read.
    pub(super) fn filters(&self) -> anyhow::Result<Filters> {
        let watched = self.ports.iter().fold(PortSet::none(), |all, ports| all.with(ports));
        let ports = if self.ports.is_empty() { PortSet::ALL } else { watched };
        let ports = self.ignored_ports.iter().fold(ports, |all, ignored| all.without(ignored));
        if ports.iter().next().is_none() {
            bail!("--port and --ignore-port together leave no port to count");
        }
        let bits = |families: &[Family]| families.iter().fold(0_u32, |bits, family| bits | 1 << family.wire_id());
        let families = if self.families.is_empty() { u32::MAX } else { bits(&self.families) };
        let families = families & !bits(&self.ignored_families);
        if families == 0 {
            bail!("--family and --ignore-family together leave no family to count");
        }
        let mut public_addresses = BTreeMap::new();
        for &(local, public) in &self.public_addresses {
            if public_addresses.insert(local, public).is_some_and(|other| other != public) {
                bail!("--public-addr gives {local} two public addresses");
            }
        }
        let prefixes = |words: &[String]| PrefixSet::parse(words.iter().map(String::as_str));
        Ok(Filters {
            destinations: prefixes(&self.destinations).context("--dst")?,
            ignored_sources: prefixes(&self.ignored_sources).context("--ignore-src")?,
            ports,
            families: families | UNKNOWN,
            public_addresses,
        })
    }
}

fn family(name: &str) -> Result<Family, String> {
    change::family(name).map_err(|error| error.to_string())
}

fn public_address(pair: &str) -> Result<(Ipv4Addr, Ipv4Addr), String> {
    change::public_address(pair).map_err(|error| error.to_string())
}
