//! Table of public addresses, built so that the XDP program finds each with one lookup.

use std::{collections::BTreeMap, net::Ipv4Addr};

use honeyxdp_common::filter::{BUCKET, bucket, translation};

/// Multipliers that are tried before the table gets larger.
const TRIES: u32 = 64;

/// Local addresses and their public ones in buckets, none of which overflows.
#[derive(Debug, Default)]
pub(super) struct Translation {
    /// Hash multiplier; 0 without addresses.
    pub(super) multiplier: u32,
    /// Bits of a bucket index.
    pub(super) bits: u32,
    /// The buckets, `1 << bits`.
    pub(super) buckets: Vec<[u64; BUCKET]>,
}

impl Translation {
    /// Searches for a multiplier and a size without overflow. One exists: an odd multiplier maps no two addresses to the same
    /// number, so 2^31 buckets of two entries hold all.
    pub(super) fn of(addresses: &BTreeMap<Ipv4Addr, Ipv4Addr>) -> Self {
        if addresses.is_empty() {
            return Self { bits: 1, ..Self::default() };
        }
        let smallest = (addresses.len() * 2).next_power_of_two().ilog2();
        (smallest..=31)
            .flat_map(|bits| (0..TRIES).map(move |attempt| (bits, attempt)))
            .find_map(|(bits, attempt)| {
                // Odd, and far from the previous one: multiples of the golden ratio.
                let multiplier = 0x9e37_79b9_u32.wrapping_mul(2 * attempt + 1);
                let buckets = fill(addresses, multiplier, bits)?;
                Some(Self { multiplier, bits, buckets })
            })
            .expect("2^31 buckets of two hold every address")
    }
}

/// Fills the buckets; `None` if one overflows.
fn fill(addresses: &BTreeMap<Ipv4Addr, Ipv4Addr>, multiplier: u32, bits: u32) -> Option<Vec<[u64; BUCKET]>> {
    let mut buckets = vec![[0; BUCKET]; 1 << bits];
    for (&local, &public) in addresses {
        let pair = translation(local.into(), public.into());
        let free = buckets[bucket(local.into(), multiplier, bits) as usize].iter_mut().find(|entry| **entry == 0)?;
        *free = pair;
    }
    Some(buckets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(translation: &Translation, local: Ipv4Addr) -> Option<Ipv4Addr> {
        let local = u32::from(local);
        let at = bucket(local, translation.multiplier, translation.bits) as usize;
        let pair = translation.buckets[at].iter().find(|&&pair| pair != 0 && (pair >> 32) == u64::from(local))?;
        Some(Ipv4Addr::from((pair & 0xffff_ffff) as u32))
    }

    #[test]
    fn small_table_holds_every_address() {
        for count in [1, 2, 16, 256, 4_096, 65_536_u32] {
            // Adjacent addresses, as in a network, and scattered ones.
            for step in [1, 0x0101, 0x9e37_79b1_u32] {
                let local = |number: u32| Ipv4Addr::from(0x0a00_0000_u32.wrapping_add(number.wrapping_mul(step)));
                let public = |number: u32| Ipv4Addr::from(0xc633_6400 + number);
                let addresses: BTreeMap<_, _> = (0..count).map(|number| (local(number), public(number))).collect();
                let translation = Translation::of(&addresses);
                assert!((0..count).all(|number| found(&translation, local(number)) == Some(public(number))));
                assert_eq!(found(&translation, Ipv4Addr::BROADCAST), None);
                assert!(translation.buckets.len() <= 1 << 22, "{count} by {step}: {}", translation.buckets.len());
            }
        }
    }

    #[test]
    fn no_addresses_disable_translation() {
        assert_eq!(Translation::of(&BTreeMap::new()).multiplier, 0);
    }
}
