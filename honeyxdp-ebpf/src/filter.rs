//! The operator's filters. The verifier removes a filter that is not set.

use aya_ebpf::{
    Global,
    bindings::BPF_F_MMAPABLE,
    macros::map,
    maps::{Array, LpmTrie},
};
use honeyxdp_common::{
    Address, Family, FilterReason, Syn,
    filter::{BUCKET, Cover, TRIE_KEY, blocks_bit, bloom_bits, bucket, networks_bit, port_bit, trie_key},
};

use crate::element::{covers, element};

/// Whether only some ports are counted.
#[unsafe(no_mangle)]
static FILTER_PORTS: Global<u32> = Global::new(0);
/// Families that are counted, a bit for each wire id; all ones when none is left out.
#[unsafe(no_mangle)]
static WATCHED_FAMILIES: Global<u32> = Global::new(u32::MAX);
/// Whether only some destinations are counted.
#[unsafe(no_mangle)]
static FILTER_DESTINATIONS: Global<u32> = Global::new(0);
/// Whether some sources are ignored.
#[unsafe(no_mangle)]
static FILTER_SOURCES: Global<u32> = Global::new(0);
/// Multiplier that maps a local address to its bucket; 0 if no public address is configured.
#[unsafe(no_mangle)]
static TRANSLATE: Global<u32> = Global::new(0);
/// Bits of a bucket index, 1 to 31.
#[unsafe(no_mangle)]
static TRANSLATE_BITS: Global<u32> = Global::new(1);

/// A bit for each port that is counted.
#[map]
static WATCHED_PORTS: Array<u64> = Array::with_max_entries(1, 0);

/// Watched destinations: the IPv4 table, and the trie for IPv6 and undecided prefixes.
#[map]
static DESTINATION_BLOCKS: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static DESTINATIONS: LpmTrie<[u8; TRIE_KEY], u32> = LpmTrie::with_max_entries(1, 0);

/// Ignored sources: as above.
#[map]
static SOURCE_BLOCKS: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static SOURCES: LpmTrie<[u8; TRIE_KEY], u32> = LpmTrie::with_max_entries(1, 0);

/// Public addresses of local ones, both IPv4, in buckets.
#[map]
static PUBLIC_ADDRESSES: Array<[u64; BUCKET]> = Array::with_max_entries(1, 0);

/// The filter that excludes this SYN by its headers, if any.
#[inline(always)]
pub(crate) fn of_headers(syn: &Syn) -> Option<FilterReason> {
    if FILTER_DESTINATIONS.load() != 0 && !within(&DESTINATION_BLOCKS, &DESTINATIONS, syn, syn.dst) {
        return Some(FilterReason::Destination);
    }
    if FILTER_SOURCES.load() != 0 && within(&SOURCE_BLOCKS, &SOURCES, syn, syn.src) {
        return Some(FilterReason::Source);
    }
    if FILTER_PORTS.load() != 0 {
        let (word, bit) = port_bit(syn.dport);
        if load(&WATCHED_PORTS, word) >> bit & 1 == 0 {
            return Some(FilterReason::Port);
        }
    }
    None
}

/// The filter that excludes SYNs of this family, if any.
#[inline(always)]
pub(crate) fn of_family(family: Family) -> Option<FilterReason> {
    let watched = WATCHED_FAMILIES.load();
    (watched >> family.wire_id() & 1 == 0).then_some(FilterReason::Family)
}

/// Restores the public destination that 1:1 NAT translated to a local one.
#[inline(always)]
pub(crate) fn public(mut syn: Syn) -> Syn {
    let multiplier = TRANSLATE.load();
    if multiplier != 0 && syn.is_v4() {
        let local = syn.dst.v4();
        if let Some(pairs) = element(&PUBLIC_ADDRESSES, bucket(local, multiplier, TRANSLATE_BITS.load())) {
            // SAFETY: the pointer is to an element, and the map does not change while the program runs.
            for pair in unsafe { pairs.read() } {
                if (pair >> 32) as u32 == local && pair != 0 {
                    syn.dst = Address::from_v4(pair as u32);
                }
            }
        }
    }
    syn
}

/// A word of a map that the loader filled; 0 beyond its end.
#[inline(always)]
pub(crate) fn load(map: &'static Array<u64>, index: u32) -> u64 {
    // SAFETY: the pointer is to an element, and user space changes it as a whole word.
    element(map, index).map_or(0, |word| unsafe { word.read_volatile() })
}

/// Whether an address is in a set of prefixes.
#[inline(always)]
fn within(
    blocks: &'static Array<u64>,
    prefixes: &'static LpmTrie<[u8; TRIE_KEY], u32>,
    syn: &Syn,
    address: Address,
) -> bool {
    if syn.is_v4() {
        let address = address.v4();
        let (word, bit) = networks_bit(address);
        let cover = load(blocks, word) >> bit & 3;
        if cover != Cover::SOME {
            return cover == Cover::ALL;
        }
        let (word, bits) = bloom_bits(address);
        if load(blocks, word) & bits != bits {
            return false;
        }
        let (word, bit) = blocks_bit(address);
        let cover = load(blocks, word) >> bit & 3;
        if cover != Cover::SOME {
            return cover == Cover::ALL;
        }
    }
    covers(prefixes, trie_key(address, syn.is_v4()))
}
