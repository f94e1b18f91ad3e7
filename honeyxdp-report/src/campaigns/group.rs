//! A group of sources, in bounded memory.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::civil::Date;

use crate::flows::{FlowFields, SourceAddress};

/// Most sources of a group that are held: a whole /24 and more, and of a /48 what a scanner uses.
const MOST_SOURCES: usize = 4096;
/// What a group takes before it holds anything, bytes, about.
const BASE: usize = 256;

/// A network that sources are gathered by: /24 of IPv4, /48 of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Network {
    V4(u32),
    V6(u64),
}

impl Network {
    pub(super) fn of(source: SourceAddress) -> Self {
        match source {
            SourceAddress::V4(address) => Self::V4(address >> 8),
            SourceAddress::V6(address) => Self::V6((address >> 80) as u64),
        }
    }

    pub(super) fn prefix(self) -> IpNet {
        match self {
            Self::V4(bits) => Ipv4Net::new_assert(Ipv4Addr::from_bits(bits << 8), 24).into(),
            Self::V6(bits) => Ipv6Net::new_assert(Ipv6Addr::from_bits(u128::from(bits) << 80), 48).into(),
        }
    }
}

/// A sorted list of numbers without doubles, which takes what they take.
#[derive(Clone, Debug)]
struct SmallSet<T>(Vec<T>);

impl<T: Ord + Copy> SmallSet<T> {
    /// Adds a number if it is new and there is room, and tells whether it is there now.
    fn insert(&mut self, number: T, most: usize) -> bool {
        match self.0.binary_search(&number) {
            Ok(_) => true,
            Err(_) if self.0.len() >= most => false,
            Err(at) => {
                self.0.insert(at, number);
                true
            }
        }
    }
}

/// Sources of one network and one tool, or of a known scanner.
#[derive(Clone, Debug)]
pub(super) struct ScanGroup {
    pub(super) packets: u64,
    /// Times of the first and last SYN, milliseconds since 1970.
    pub(super) first: i64,
    pub(super) last: i64,
    /// Days with SYNs, rising, and how many.
    pub(super) days: Vec<(Date, u64)>,
    sources: SmallSet<SourceAddress>,
    are_all_sources: bool,
    ports: SmallSet<u16>,
}

impl Default for ScanGroup {
    fn default() -> Self {
        Self {
            packets: 0,
            first: i64::MAX,
            last: i64::MIN,
            days: Vec::new(),
            sources: SmallSet(Vec::new()),
            are_all_sources: true,
            ports: SmallSet(Vec::new()),
        }
    }
}

impl ScanGroup {
    /// Adds a row of a day. Days come in rising order.
    pub(super) fn add(&mut self, day: Date, source: SourceAddress, flow: &FlowFields) {
        let packets = u64::from(flow.packets);
        self.packets += packets;
        self.first = self.first.min(flow.first);
        self.last = self.last.max(flow.last);
        match self.days.last_mut() {
            Some((last, sum)) if *last == day => *sum += packets,
            _ => self.days.push((day, packets)),
        }
        self.are_all_sources &= self.sources.insert(source, MOST_SOURCES);
        self.ports.insert(flow.port, usize::MAX);
    }

    /// Different sources, and whether they are all.
    pub(super) fn sources(&self) -> (u64, bool) {
        (self.sources.0.len() as u64, self.are_all_sources)
    }

    /// Destination ports, rising.
    pub(super) fn ports(&self) -> &[u16] {
        &self.ports.0
    }

    /// What it takes, bytes, about.
    pub(super) fn memory(&self) -> usize {
        BASE + self.days.capacity() * size_of::<(Date, u64)>()
            + self.sources.0.capacity() * size_of::<SourceAddress>()
            + self.ports.0.capacity() * size_of::<u16>()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn networks_are_24_and_48_bits_long() {
        let network = |source| Network::of(source).prefix().to_string();
        assert_eq!(network(SourceAddress::V4(Ipv4Addr::new(203, 0, 113, 255).to_bits())), "203.0.113.0/24");
        let v6: Ipv6Addr = "2001:db8:7:8::9".parse().unwrap();
        assert_eq!(network(SourceAddress::V6(v6.to_bits())), "2001:db8:7::/48");
    }

    #[test]
    fn a_group_is_bounded_and_says_so() {
        let mut group = ScanGroup::default();
        for number in 0..100_000_u32 {
            let flow = FlowFields {
                port: (number & 0xffff) as u16,
                packets: 2,
                first: i64::from(number),
                last: i64::from(number) + 1,
            };
            let day = if number < 60_000 { date(2019, 1, 1) } else { date(2019, 1, 3) };
            group.add(day, SourceAddress::V6(u128::from(number)), &flow);
        }
        assert_eq!((group.packets, group.first, group.last), (200_000, 0, 100_000));
        assert_eq!(group.sources(), (4096, false));
        assert_eq!(group.ports().len(), 65_536);
        assert_eq!(group.days, [(date(2019, 1, 1), 120_000), (date(2019, 1, 3), 80_000)]);
        assert!(group.memory() < 1 << 20, "{}", group.memory());
    }
}
