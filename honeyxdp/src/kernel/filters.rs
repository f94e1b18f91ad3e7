//! The filters in the form that the kernel program looks at.

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, HashMap, LpmTrie, Map, MapError, lpm_trie::Key},
};
use honeyxdp_common::{
    Address,
    filter::{BLOCK_WORDS, Cover, PORT_WORDS, TRIE_KEY, VERSION_BITS, blocks_bit, trie_key},
};

use super::maps::{MapsError, Shared};
use crate::filter::{Filters, PrefixSet};

/// An IPv4 prefix of this length is one block.
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
    translate: u32,
}

impl<'a> FilterMaps<'a> {
    pub(super) fn new(filters: &'a Filters) -> Self {
        Self {
            filters,
            ports: u32::from(!filters.ports.is_all()),
            destinations: u32::from(!filters.destinations.is_empty()),
            sources: u32::from(!filters.ignored_sources.is_empty()),
            translate: u32::from(!filters.public_addresses.is_empty()),
        }
    }

    /// Decides what is part of the program, and the sizes of the maps. What is off has one element.
    pub(super) fn announce(&'a self, loader: &mut EbpfLoader<'a>) {
        let size = |on: u32, size: usize| u32::try_from(on as usize * size).unwrap_or(u32::MAX).max(1);
        loader
            .override_global("FILTER_PORTS", &self.ports, true)
            .override_global("WATCHED_FAMILIES", &self.filters.families, true)
            .override_global("FILTER_DESTINATIONS", &self.destinations, true)
            .override_global("FILTER_SOURCES", &self.sources, true)
            .override_global("TRANSLATE", &self.translate, true)
            .map_max_entries("WATCHED_PORTS", size(self.ports, PORT_WORDS))
            .map_max_entries("DESTINATION_BLOCKS", size(self.destinations, BLOCK_WORDS))
            .map_max_entries("DESTINATIONS", size(1, self.filters.destinations.len()))
            .map_max_entries("SOURCE_BLOCKS", size(self.sources, BLOCK_WORDS))
            .map_max_entries("SOURCES", size(1, self.filters.ignored_sources.len()))
            .map_max_entries("PUBLIC_ADDRESSES", size(1, self.filters.public_addresses.len()));
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
        if self.translate != 0 {
            let mut map: HashMap<_, u32, u32> = HashMap::try_from(map(ebpf, "PUBLIC_ADDRESSES")?)?;
            for (&local, &public) in &self.filters.public_addresses {
                map.insert(u32::from(local), u32::from(public), 0)?;
            }
        }
        Ok(())
    }
}

fn map<'a>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut Map, MapsError> {
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
    let words = Shared::<u64>::map(ebpf, blocks, BLOCK_WORDS)?;
    for prefix in set.v4() {
        let cover = if prefix.prefix_len() <= BLOCK_PREFIX { Cover::ALL } else { Cover::SOME };
        let (first, last) = (u32::from(prefix.network()), u32::from(prefix.broadcast()));
        for block in first >> 8..=last >> 8 {
            let (word, bit) = blocks_bit(block << 8);
            // Prefixes do not overlap, so no block gets both.
            words.set_bits(word as usize, cover << bit);
        }
    }
    Ok(())
}

fn key(address: Address, is_v4: bool, prefix_len: u8) -> Key<[u8; TRIE_KEY]> {
    let mut bytes = [0; TRIE_KEY];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(trie_key(address, is_v4)) {
        *bytes = word.to_be_bytes();
    }
    Key::new(VERSION_BITS + u32::from(prefix_len), bytes)
}
