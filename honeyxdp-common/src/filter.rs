//! How the operator's filters lie in the maps.
//!
//! A set of prefixes is two things. IPv4 is cut into 2^24 blocks of 256 addresses, and two bits say of each whether none, all
//! or some of it are in the set: one look into 4 MiB decides for nearly every packet. Only for "some", and for IPv6, the
//! kernel's trie of prefixes is asked, which takes a call and several steps.

use crate::Address;

/// 64-bit elements of the map of watched ports.
pub const PORT_WORDS: usize = 65_536 / 64;
/// 64-bit elements of a map of blocks: two bits for each of 2^24.
pub const BLOCK_WORDS: usize = (1 << 24) / 32;
/// Bits before the address in a key of a trie, see [`trie_key`].
pub const VERSION_BITS: u32 = 64;
/// Bytes of a key, without the length of its prefix.
pub const TRIE_KEY: usize = 24;

/// How much of a block is in a set.
#[derive(Debug)]
pub struct Cover;

impl Cover {
    /// Nothing.
    pub const NONE: u64 = 0;
    /// Everything.
    pub const ALL: u64 = 1;
    /// Something: the trie knows.
    pub const SOME: u64 = 2;
}

/// Element and bit of a port.
#[inline(always)]
pub const fn port_bit(port: u16) -> (u32, u32) {
    (port as u32 / 64, port as u32 % 64)
}

/// Element and lower bit of the block of an IPv4 address.
#[inline(always)]
pub const fn blocks_bit(address: u32) -> (u32, u32) {
    let block = address >> 8;
    (block / 32, block % 32 * 2)
}

/// An address as the tries have it, words that go there big-endian: the version, so that no IPv6 prefix covers an IPv4 address,
/// and the address from its first bit on.
#[inline(always)]
pub const fn trie_key(address: Address, is_v4: bool) -> [u64; 3] {
    if is_v4 { [4, address.low << 32, 0] } else { [6, address.high, address.low] }
}
