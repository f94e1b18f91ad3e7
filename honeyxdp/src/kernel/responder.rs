//! Settings of the responder and of payload capture as globals and maps of the XDP program.

use std::net::IpAddr;

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, LpmTrie},
};
use honeyxdp_common::{
    Address,
    filter::{PORT_WORDS, TRIE_KEY},
    responder::{EXPECTED_BITS, LIMIT_WORDS, OBSERVE, PortKind, RESPOND, SESSION_BITS},
};

use super::filters::{FilterMapsError, key, map};
use crate::{filter::PortSet, payloads::Responder};

/// Values in the trie: addresses to answer for, and the host's own addresses.
const ANSWERED: u32 = 1;
const OWN: u32 = 0;
/// Most addresses of a host: room in the trie beside the prefixes to answer for.
const OWN_ADDRESSES: usize = 1_024;

/// The settings, as globals and maps.
pub(super) struct ResponderMaps<'a> {
    responder: &'a Responder,
    on: u32,
}

impl<'a> ResponderMaps<'a> {
    pub(super) fn new(responder: &'a Responder) -> Self {
        let bit = |ports: &PortSet, bit| if ports.is_none() { 0 } else { bit };
        Self { responder, on: bit(&responder.observed, OBSERVE) | bit(&responder.answered, RESPOND) }
    }

    /// Sets the globals and the sizes of the maps. A feature that is off has one element.
    pub(super) fn announce(&'a self, loader: &mut EbpfLoader<'a>) {
        let when = |bit: u32, size: usize| if self.on & bit == 0 { 1 } else { u32::try_from(size).unwrap_or(u32::MAX) };
        let Responder { answers, payloads, .. } = self.responder;
        loader
            .override_global("RESPONDER", &self.on, true)
            .override_global("ANSWERS_OF_SOURCE", &answers.of_source, true)
            .override_global("ANSWERS_OF_ALL", &answers.of_all, true)
            .override_global("PAYLOADS_OF_SOURCE", &payloads.of_source, true)
            .override_global("PAYLOADS_OF_ALL", &payloads.of_all, true)
            .map_max_entries("RESPONDER_PORTS", when(OBSERVE | RESPOND, PortKind::ALL.len() * PORT_WORDS))
            .map_max_entries("RESPOND_TO", when(RESPOND, self.responder.respond_to.len() + OWN_ADDRESSES))
            .map_max_entries("EXPECTED", when(OBSERVE, 1 << EXPECTED_BITS))
            .map_max_entries("SESSIONS", when(RESPOND, 1 << SESSION_BITS))
            .map_max_entries("LIMITS", when(OBSERVE | RESPOND, LIMIT_WORDS as usize));
    }

    /// Fills the maps of the loaded object.
    pub(super) fn fill(&self, ebpf: &mut Ebpf) -> Result<(), FilterMapsError> {
        if self.on == 0 {
            return Ok(());
        }
        let mut ports: Array<_, u64> = Array::try_from(map(ebpf, "RESPONDER_PORTS")?)?;
        for kind in PortKind::ALL {
            let set = match kind {
                PortKind::Observed => &self.responder.observed,
                PortKind::Answered => &self.responder.answered,
                PortKind::Prompted => &self.responder.prompted,
            };
            let start = kind as u32 * u32::try_from(PORT_WORDS).unwrap_or(u32::MAX);
            for (at, word) in (start..).zip(set.words()) {
                ports.set(at, word, 0)?;
            }
        }
        if self.on & RESPOND == 0 {
            return Ok(());
        }
        let mut trie: LpmTrie<_, [u8; TRIE_KEY], u32> = LpmTrie::try_from(map(ebpf, "RESPOND_TO")?)?;
        for prefix in self.responder.respond_to.v4() {
            trie.insert(&key(Address::from_v4(prefix.network().into()), true, prefix.prefix_len()), ANSWERED, 0)?;
        }
        for prefix in self.responder.respond_to.v6() {
            trie.insert(&key(Address::from_v6(prefix.network().into()), false, prefix.prefix_len()), ANSWERED, 0)?;
        }
        except(ebpf, self.responder.own.iter())
    }
}

/// Excludes these addresses, the host's own, from answers.
pub(super) fn except<'a>(
    ebpf: &mut Ebpf,
    mut addresses: impl Iterator<Item = &'a IpAddr>,
) -> Result<(), FilterMapsError> {
    let mut trie: LpmTrie<_, [u8; TRIE_KEY], u32> = LpmTrie::try_from(map(ebpf, "RESPOND_TO")?)?;
    addresses.try_for_each(|address| {
        let key = match address {
            IpAddr::V4(address) => key(Address::from_v4((*address).into()), true, 32),
            IpAddr::V6(address) => key(Address::from_v6((*address).into()), false, 128),
        };
        Ok(trie.insert(&key, OWN, 0)?)
    })
}
