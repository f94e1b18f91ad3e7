//! Layout of the operator's filters in the maps.
//!
//! A set of prefixes is a table for IPv4 and an LPM trie. The trie costs a call and several memory accesses; it is consulted
//! for IPv6, and where the table is undecided. The table has three levels. Each decides most of what the level before left
//! open, so random sources seldom reach memory outside the CPU caches:
//!
//! 1. [`networks_bit`]: whether none, all or some of a /16 is in the set (16 KiB).
//! 2. [`bloom_bits`]: a Bloom filter (Bloom, CACM 13(7), 1970) of the /24s that the set covers or overlaps (256 KiB).
//! 3. [`blocks_bit`]: whether none, all or some of a /24 is in the set (4 MiB).

use crate::Address;

/// 64-bit elements of the map of watched ports.
pub const PORT_WORDS: usize = 65_536 / 64;
/// Bits before the address in a key of a trie, see [`trie_key`].
pub const VERSION_BITS: u32 = 64;
/// Bytes of a key, without the length of its prefix.
pub const TRIE_KEY: usize = 24;

/// Two bits for each of 2^16 networks, 2^24 blocks.
const NETWORK_WORDS: u32 = (1 << 16) / 32;
const BLOCK_WORDS: u32 = (1 << 24) / 32;
/// The filter's words, as a power of two: 100,000 blocks set a tenth of its bits, and one address in a hundred that is not
/// in the set is looked up in the blocks all the same.
const BLOOM_BITS: u32 = 15;
/// First words of the second and the third level.
const BLOOM: u32 = NETWORK_WORDS;
const BLOCKS: u32 = BLOOM + (1 << BLOOM_BITS);
/// 64-bit elements of a table of IPv4 prefixes.
pub const PREFIX_WORDS: usize = (BLOCKS + BLOCK_WORDS) as usize;

/// How much of a network or block is in a set.
#[derive(Debug)]
pub struct Cover;

impl Cover {
    /// None of it.
    pub const NONE: u64 = 0;
    /// All of it.
    pub const ALL: u64 = 1;
    /// Some: the next level decides.
    pub const SOME: u64 = 2;
}

/// Element and bit of a port.
#[inline(always)]
pub const fn port_bit(port: u16) -> (u32, u32) {
    (port as u32 / 64, port as u32 % 64)
}

/// Element and lower bit of the /16 of an IPv4 address.
#[inline(always)]
pub const fn networks_bit(address: u32) -> (u32, u32) {
    let network = address >> 16;
    (network / 32, network % 32 * 2)
}

/// Element of the /24 of an IPv4 address in the Bloom filter, and the bits that are set there if it is in the set: two of one
/// word, so that one look tells.
#[inline(always)]
pub const fn bloom_bits(address: u32) -> (u32, u64) {
    // Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4): the upper bits are the good ones.
    let hash = ((address >> 8) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = BLOOM + (hash >> (64 - BLOOM_BITS)) as u32;
    (word, 1 << (hash >> (58 - BLOOM_BITS) & 63) | 1 << (hash >> (52 - BLOOM_BITS) & 63))
}

/// Element and lower bit of the /24 of an IPv4 address.
#[inline(always)]
pub const fn blocks_bit(address: u32) -> (u32, u32) {
    let block = address >> 8;
    (BLOCKS + block / 32, block % 32 * 2)
}

/// Key of an address in the tries, as words that are stored big-endian: the IP version, so that no IPv6 prefix covers an IPv4
/// address, then the address.
#[inline(always)]
pub const fn trie_key(address: Address, is_v4: bool) -> [u64; 3] {
    if is_v4 { [4, address.low << 32, 0] } else { [6, address.high, address.low] }
}

/// Local addresses with a public one that a bucket holds.
pub const BUCKET: usize = 2;

/// Bucket of a local address among `1 << bits`. The loader looks for a multiplier that puts no more than [`BUCKET`] addresses
/// into one, so that one look finds every address.
#[inline(always)]
pub const fn bucket(local: u32, multiplier: u32, bits: u32) -> u32 {
    local.wrapping_mul(multiplier) >> (32 - bits)
}

/// A local address and its public address as one bucket entry; 0 is a free entry.
#[inline(always)]
pub const fn translation(local: u32, public: u32) -> u64 {
    (local as u64) << 32 | public as u64
}
