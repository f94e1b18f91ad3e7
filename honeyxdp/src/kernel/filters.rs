//! Filters as globals and maps of the XDP program.

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, LpmTrie, Map, MapError, lpm_trie::Key},
};
use honeyxdp_common::{
    Address,
    filter::{
        BUCKET, Cover, PORT_WORDS, PREFIX_WORDS, TRIE_KEY, VERSION_BITS, blocks_bit, bloom_bits, networks_bit, trie_key,
    },
};

use super::{
    memory::{MapsError, Shared},
    translation::Translation,
};
use crate::filter::{Filters, PrefixSet};

/// Prefix lengths of an IPv4 network and of a block.
const NETWORK_PREFIX: u8 = 16;
const BLOCK_PREFIX: u8 = 24;

/// Why filters could not be set.
#[derive(Debug, thiserror::Error)]
pub enum FilterMapsError {
    /// The kernel refused an element.
    #[error("the kernel refused a filter: {0}")]
    Map(#[from] MapError),
    /// The maps could not be reached.
    #[error(transparent)]
    Maps(#[from] MapsError),
}

/// The filters, as globals and maps.
pub(super) struct FilterMaps<'a> {
    filters: &'a Filters,
    ports: u32,
    destinations: u32,
    sources: u32,
    translation: Translation,
}

impl<'a> FilterMaps<'a> {
    pub(super) fn new(filters: &'a Filters) -> Self {
        Self {
            filters,
            ports: u32::from(!filters.ports.is_all()),
            destinations: u32::from(!filters.destinations.is_empty()),
            sources: u32::from(!filters.ignored_sources.is_empty()),
            translation: Translation::of(&filters.public_addresses),
        }
    }

    /// Sets the globals and the sizes of the maps. A filter that is off has one element.
    pub(super) fn announce(&'a self, loader: &mut EbpfLoader<'a>) {
        let size = |on: u32, size: usize| u32::try_from(on as usize * size).unwrap_or(u32::MAX).max(1);
        loader
            .override_global("FILTER_PORTS", &self.ports, true)
            .override_global("WATCHED_FAMILIES", &self.filters.families, true)
            .override_global("FILTER_DESTINATIONS", &self.destinations, true)
            .override_global("FILTER_SOURCES", &self.sources, true)
            .override_global("TRANSLATE", &self.translation.multiplier, true)
            .override_global("TRANSLATE_BITS", &self.translation.bits, true)
            .map_max_entries("WATCHED_PORTS", size(self.ports, PORT_WORDS))
            .map_max_entries("DESTINATION_BLOCKS", size(self.destinations, PREFIX_WORDS))
            .map_max_entries("DESTINATIONS", size(1, self.filters.destinations.len()))
            .map_max_entries("SOURCE_BLOCKS", size(self.sources, PREFIX_WORDS))
            .map_max_entries("SOURCES", size(1, self.filters.ignored_sources.len()))
            .map_max_entries("PUBLIC_ADDRESSES", size(1, self.translation.buckets.len()));
    }

    /// Fills the maps of the loaded object.
    pub(super) fn fill(&self, ebpf: &mut Ebpf) -> Result<(), FilterMapsError> {
        if self.ports != 0 {
            let mut map: Array<_, u64> = Array::try_from(map(ebpf, "WATCHED_PORTS")?)?;
            for (at, word) in (0..).zip(self.filters.ports.words()) {
                map.set(at, word, 0)?;
            }
        }
        if self.destinations != 0 {
            fill_prefixes(ebpf, &self.filters.destinations, "DESTINATION_BLOCKS", "DESTINATIONS")?;
        }
        if self.sources != 0 {
            fill_prefixes(ebpf, &self.filters.ignored_sources, "SOURCE_BLOCKS", "SOURCES")?;
        }
        if self.translation.multiplier != 0 {
            let mut map: Array<_, [u64; BUCKET]> = Array::try_from(map(ebpf, "PUBLIC_ADDRESSES")?)?;
            for (at, bucket) in (0..).zip(&self.translation.buckets) {
                map.set(at, bucket, 0)?;
            }
        }
        Ok(())
    }
}

pub(super) fn map<'a>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut Map, MapsError> {
    ebpf.map_mut(name).ok_or(MapsError::Missing(name))
}

fn fill_prefixes(
    ebpf: &mut Ebpf,
    set: &PrefixSet,
    blocks: &'static str,
    trie: &'static str,
) -> Result<(), FilterMapsError> {
    let mut map: LpmTrie<_, [u8; TRIE_KEY], u32> = LpmTrie::try_from(map(ebpf, trie)?)?;
    for prefix in set.v4().iter().filter(|prefix| prefix.prefix_len() > BLOCK_PREFIX) {
        map.insert(&key(Address::from_v4(prefix.network().into()), true, prefix.prefix_len()), 1, 0)?;
    }
    for prefix in set.v6() {
        map.insert(&key(Address::from_v6(prefix.network().into()), false, prefix.prefix_len()), 1, 0)?;
    }
    let words = memory(ebpf, blocks)?;
    // Prefixes do not overlap, so no block is covered both wholly and partly.
    let set_cover = |(word, bit): (u32, u32), cover: u64| words.set_bits(word as usize, cover << bit);
    for prefix in set.v4() {
        let (first, last) = (u32::from(prefix.network()), u32::from(prefix.broadcast()));
        if prefix.prefix_len() <= NETWORK_PREFIX {
            for network in first >> 16..=last >> 16 {
                set_cover(networks_bit(network << 16), Cover::ALL);
            }
            continue;
        }
        set_cover(networks_bit(first), Cover::SOME);
        let cover = if prefix.prefix_len() <= BLOCK_PREFIX { Cover::ALL } else { Cover::SOME };
        for block in first >> 8..=last >> 8 {
            let (word, bits) = bloom_bits(block << 8);
            words.set_bits(word as usize, bits);
            set_cover(blocks_bit(block << 8), cover);
        }
    }
    Ok(())
}

/// The table of IPv4 prefixes in a loaded object.
fn memory(ebpf: &Ebpf, name: &'static str) -> Result<Shared<u64>, MapsError> {
    match ebpf.map(name) {
        Some(Map::Array(map)) => Shared::map(map.fd(), name, PREFIX_WORDS),
        _ => Err(MapsError::Missing(name)),
    }
}

/// The key of a prefix in a trie.
pub(super) fn key(address: Address, is_v4: bool, prefix_len: u8) -> Key<[u8; TRIE_KEY]> {
    let mut bytes = [0; TRIE_KEY];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(trie_key(address, is_v4)) {
        *bytes = word.to_be_bytes();
    }
    Key::new(VERSION_BITS + u32::from(prefix_len), bytes)
}
