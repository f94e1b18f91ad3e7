//! Sets of addresses: exact, and small for the millions that an archive holds.

use std::net::IpAddr;

use roaring::RoaringBitmap;

/// Addresses that wait to be sorted in: many at a time cost a tenth of one by one.
const PENDING: usize = 1 << 20;
/// Most IPv6 addresses in a set: 32 MiB. An attacker has 2^64 of them in the smallest network.
const MOST_V6: usize = 1 << 21;

/// A set of addresses. IPv4 takes 2 bytes each, and never more than 512 MiB; IPv6 16 bytes, for up to 2,097,152 of them.
#[derive(Debug, Default)]
pub struct AddressSet {
    v4: RoaringBitmap,
    pending: Vec<u32>,
    /// Sorted up to `sorted`, and without doubles there.
    v6: Vec<u128>,
    sorted: usize,
    overflowed: bool,
}

impl AddressSet {
    /// Adds an address. An IPv4 address inside an IPv6 one is the IPv4 address.
    pub fn insert(&mut self, address: IpAddr) {
        match address.to_canonical() {
            IpAddr::V4(address) => self.insert_v4(address.to_bits()),
            IpAddr::V6(address) => self.insert_v6(address.to_bits()),
        }
    }

    /// Adds an IPv4 address, as a number.
    pub fn insert_v4(&mut self, address: u32) {
        self.pending.push(address);
        if self.pending.len() >= PENDING {
            self.settle_v4();
        }
    }

    /// Adds an IPv6 address, as a number.
    pub fn insert_v6(&mut self, address: u128) {
        self.v6.push(address);
        if self.v6.len() >= 2 * self.sorted + 4096 {
            self.settle_v6();
        }
    }

    /// Sorts in what was added. The methods below tell of what was added before the last call.
    pub fn settle(&mut self) {
        self.settle_v4();
        self.settle_v6();
    }

    fn settle_v4(&mut self) {
        self.pending.sort_unstable();
        self.pending.dedup();
        let more = RoaringBitmap::from_sorted_iter(self.pending.drain(..)).expect("sorted and without doubles");
        self.v4 |= more;
    }

    fn settle_v6(&mut self) {
        self.v6.sort_unstable();
        self.v6.dedup();
        if self.v6.len() > MOST_V6 {
            self.overflowed = true;
            self.v6.truncate(MOST_V6);
        }
        self.sorted = self.v6.len();
    }

    /// Adds all of another attributed set.
    pub fn union(&mut self, other: &Self) {
        self.v4 |= &other.v4;
        self.v6.extend_from_slice(&other.v6);
        self.overflowed |= other.overflowed;
        self.settle_v6();
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.v4.len() + self.v6.len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of IPv6 there are.
    pub fn len_v6(&self) -> u64 {
        self.v6.len() as u64
    }

    /// Whether nothing was left out for want of room.
    pub fn is_exact(&self) -> bool {
        !self.overflowed
    }

    /// How many are in both attributed sets.
    pub fn in_both(&self, other: &Self) -> u64 {
        let (few, many) = if self.v6.len() < other.v6.len() { (self, other) } else { (other, self) };
        let v6 = few.v6.iter().filter(|&address| many.v6.binary_search(address).is_ok()).count();
        self.v4.intersection_len(&other.v4) + v6 as u64
    }

    /// All of IPv4, rising.
    pub fn iter_v4(&self) -> impl Iterator<Item = u32> {
        self.v4.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_is_a_set(
            left in prop::collection::vec(any::<u8>().prop_map(|low| u32::from(low) * 0x0100_0100), 0..300),
            right in prop::collection::vec(any::<u8>().prop_map(|low| u32::from(low) * 0x0100_0100), 0..300),
        ) {
            let set = |numbers: &[u32]| {
                let mut set = AddressSet::default();
                for &number in numbers {
                    set.insert(if number.is_multiple_of(3) {
                        IpAddr::V6((u128::from(number) << 64 | 1).into())
                    } else {
                        IpAddr::V4(number.into())
                    });
                }
                set.settle();
                set
            };
            let (a, b): (HashSet<u32>, HashSet<u32>) = (left.iter().copied().collect(), right.iter().copied().collect());
            let (mut mine, other) = (set(&left), set(&right));
            prop_assert_eq!(mine.len(), a.len() as u64);
            prop_assert_eq!(mine.in_both(&other), a.intersection(&b).count() as u64);
            mine.union(&other);
            prop_assert_eq!(mine.len(), a.union(&b).count() as u64);
        }
    }

    #[test]
    fn ipv6_is_bounded_and_says_so() {
        let mut set = AddressSet::default();
        for number in 0..3_000_000 {
            set.insert_v6(number);
        }
        set.settle();
        assert!(!set.is_exact());
        assert_eq!(set.len(), MOST_V6 as u64);
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_one_is_the_ipv4_address() {
        let mut set = AddressSet::default();
        set.insert("192.0.2.1".parse().unwrap());
        set.insert("::ffff:192.0.2.1".parse().unwrap());
        set.settle();
        assert_eq!((set.len(), set.len_v6()), (1, 0));
    }
}
