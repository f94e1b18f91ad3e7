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
/// Bits that IPv4's prefixes begin at in a trie, after `::ffff:0:0/96` (RFC 4291, section 2.5.5.2).
pub const V4_BITS: u32 = 96;

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

/// Bits of a whole address in a trie.
#[inline(always)]
pub const fn trie_bits() -> u32 {
    128
}

/// The bytes of an address in a trie, big-endian as the kernel compares them.
#[inline(always)]
pub const fn trie_address(address: Address, is_v4: bool) -> [u8; 16] {
    let mut low = address.low;
    if is_v4 {
        low |= 0xffff << 32;
    }
    let (high, low) = (address.high.to_be_bytes(), low.to_be_bytes());
    let mut bytes = [0; 16];
    let mut at = 0;
    while at < 8 {
        bytes[at] = high[at];
        bytes[at + 8] = low[at];
        at += 1;
    }
    bytes
}
