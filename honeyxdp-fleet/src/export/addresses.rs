//! What becomes of addresses: a pseudonym, a network, or both.

use std::{collections::HashMap, net::Ipv6Addr};

use aes::Aes256Enc;
use fpe::ff1::FF1;
use ipnet::IpNet;

use super::{bits::Bits, key::Key};

/// Addresses that are remembered of each version: about 300 MB together. A permutation gives the same ones again.
const MOST_REMEMBERED: usize = 1 << 22;
/// Bits of an IPv4 address that are kept when it is truncated.
const KEPT_V4: u32 = 24;
/// Bits of an IPv6 address that are kept when it is truncated.
const KEPT_V6: u32 = 48;
/// Of 6to4 (RFC 3056) the first 48 bits hold a whole IPv4 address; these hold its network.
const KEPT_6TO4: u32 = 16 + KEPT_V4;

/// Changes addresses, the same one always to the same.
///
/// A pseudonym is the address's bits, the highest first, encrypted by FF1 of NIST SP 800-38G with radix 2 and AES-256. The
/// tweak is `IPv4` or `IPv6`. With a truncation as well it is the bits that are left, 24 or 48, which become other ones. Each
/// is a permutation: two addresses never become one.
pub(super) struct Addresses {
    /// FF1 encrypts blocks alone, in both directions.
    cipher: Option<FF1<Aes256Enc>>,
    truncate: bool,
    own: Vec<IpNet>,
    v4: HashMap<u32, u32>,
    v6: HashMap<u128, u128>,
}

impl Addresses {
    pub(super) fn new(key: Option<&Key>, truncate: bool, own: Vec<IpNet>) -> Self {
        let cipher = key.map(|key| FF1::new(key.bytes(), 2).expect("2 is a radix"));
        Self { cipher, truncate, own, v4: HashMap::new(), v6: HashMap::new() }
    }

    /// Whether an address of these can be that of a sensor, as far as it was said.
    pub(super) fn is_own(&self, address: std::net::IpAddr) -> bool {
        self.own.iter().any(|network| network.contains(&address))
    }

    /// Whether others than who has the key can make the addresses of these again.
    pub(super) const fn are_real(&self) -> bool {
        self.cipher.is_none()
    }

    /// Whether it was said which addresses are those of sensors.
    pub(super) const fn knows_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// An IPv4 address, the first byte the highest.
    pub(super) fn v4(&mut self, address: u32) -> u32 {
        if let Some(&known) = self.v4.get(&address) {
            return known;
        }
        let width = if self.truncate { KEPT_V4 } else { 32 };
        let new = match &self.cipher {
            // A forged source: that of the sensor itself.
            None if self.is_own(std::net::Ipv4Addr::from_bits(address).into()) => 0,
            None => address & (u32::MAX << (32 - width)),
            Some(cipher) => {
                let bits = Bits { value: u128::from(address >> (32 - width)), count: width };
                let bits = cipher.encrypt(b"IPv4", &bits).expect("there are enough bits").value;
                u32::try_from(bits).expect("it has as many bits as before") << (32 - width)
            }
        };
        if self.v4.len() >= MOST_REMEMBERED {
            self.v4.clear();
        }
        self.v4.insert(address, new);
        new
    }

    /// An IPv6 address, the first byte the highest.
    pub(super) fn v6(&mut self, address: u128) -> u128 {
        if let Some(&known) = self.v6.get(&address) {
            return known;
        }
        let truncated = if self.truncate { truncated(address) } else { address };
        let width = if self.truncate { KEPT_V6 } else { 128 };
        let new = match &self.cipher {
            None if self.is_own(Ipv6Addr::from_bits(address).into()) => 0,
            None => truncated,
            Some(cipher) => {
                let bits = Bits { value: truncated >> (128 - width), count: width };
                cipher.encrypt(b"IPv6", &bits).expect("there are enough bits").value << (128 - width)
            }
        };
        if self.v6.len() >= MOST_REMEMBERED {
            self.v6.clear();
        }
        self.v6.insert(address, new);
        new
    }
}

fn truncated(address: u128) -> u128 {
    let kept = if address >> 112 == 0x2002 { KEPT_6TO4 } else { KEPT_V6 };
    address & (u128::MAX << (128 - kept))
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, net::Ipv4Addr};

    use super::*;

    fn key() -> Key {
        Key::from(std::array::from_fn(|n| u8::try_from(n).unwrap()))
    }

    fn v6(text: &str) -> u128 {
        text.parse::<Ipv6Addr>().unwrap().to_bits()
    }

    #[test]
    fn no_two_addresses_become_one_and_the_key_undoes_it() {
        let mut addresses = Addresses::new(Some(&key()), false, Vec::new());
        let cipher = FF1::<Aes256Enc>::new(key().bytes(), 2).unwrap();
        let (mut v4s, mut v6s) = (HashSet::new(), HashSet::new());
        let mut same = 0;
        for n in 0..50_000_u32 {
            // Neighbours, and addresses from everywhere.
            let address = if n % 2 == 0 { 0xc612_0000 + n } else { n.wrapping_mul(2_654_435_761) | 1 };
            let new = addresses.v4(address);
            assert!(v4s.insert(new), "{n}");
            same += u32::from(new == address);
            let back = cipher.decrypt(b"IPv4", &Bits { value: u128::from(new), count: 32 }).unwrap();
            assert_eq!(back.value, u128::from(address));
            let address = v6("2001:db8::") + (u128::from(n) << (n % 90));
            if v6s.insert(address) {
                let new = addresses.v6(address);
                let back = cipher.decrypt(b"IPv6", &Bits { value: new, count: 128 }).unwrap();
                assert_eq!(back.value, address);
            }
        }
        assert!(same < 3, "{same} of 50,000 stayed as they were");
    }

    #[test]
    fn every_network_of_24_bits_becomes_another_one() {
        let mut addresses = Addresses::new(Some(&key()), true, Vec::new());
        let mut seen = HashSet::new();
        for network in 0..40_000_u32 {
            let new = addresses.v4((network << 8) + network % 256);
            assert_eq!(new & 0xff, 0);
            assert!(seen.insert(new));
            assert_eq!(addresses.v4(network << 8), new);
        }
        let new = addresses.v6(v6("2001:db8:1:2::3"));
        assert_eq!((new << 48, new), (0, addresses.v6(v6("2001:db8:1::"))));
        assert_ne!(new, addresses.v6(v6("2001:db8:2::")));
    }

    #[test]
    fn another_key_makes_other_pseudonyms_and_the_same_one_the_same() {
        let mut one = Addresses::new(Some(&key()), false, Vec::new());
        let mut again = Addresses::new(Some(&key()), false, Vec::new());
        let mut other = Addresses::new(Some(&Key::from([7; 32])), false, Vec::new());
        for address in 0..100 {
            assert_eq!(one.v4(address), again.v4(address));
            assert_ne!(one.v4(address), other.v4(address));
            assert_ne!(one.v6(address.into()), other.v6(address.into()));
        }
    }

    #[test]
    fn without_a_key_networks_are_left_and_of_the_sensors_nothing() {
        let own = vec!["198.18.0.0/24".parse().unwrap(), "2001:db8:7::/48".parse().unwrap()];
        let mut addresses = Addresses::new(None, true, own.clone());
        let v4 = |text: &str| text.parse::<Ipv4Addr>().unwrap().to_bits();
        assert_eq!(addresses.v4(v4("203.0.113.77")), v4("203.0.113.0"));
        assert_eq!(addresses.v4(v4("198.18.0.7")), 0);
        assert_eq!(addresses.v6(v6("2001:db8:1:2::3")), v6("2001:db8:1::"));
        assert_eq!(addresses.v6(v6("2001:db8:7::1")), 0);
        // 203.0.113.77 by 6to4.
        assert_eq!(addresses.v6(v6("2002:cb00:714d::1")), v6("2002:cb00:7100::"));
        let mut addresses = Addresses::new(None, false, own);
        assert_eq!(addresses.v4(v4("203.0.113.77")), v4("203.0.113.77"));
        assert_eq!(addresses.v4(v4("198.18.0.7")), 0);
    }
}
