//! HyperLogLog registers: an estimate of the unique sources, also when records were lost.
//!
//! The XDP program updates one set of registers for each family; user space merges them. Flajolet, Fusy, Gandouet, Meunier:
//! "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007; with a hash of 64 bits as in
//! Heule, Nunkesser, Hall: "HyperLogLog in Practice", 2013.

use crate::Address;

/// Bits of the hash that choose a register. The standard error is 1.04 / sqrt(2^16) = 0.41 %.
pub const PRECISION: u32 = 16;
/// Registers of one family in one shard, one byte each.
pub const REGISTERS: usize = 1 << PRECISION;
/// Elements of 64 bits that hold them.
pub const WORDS: usize = REGISTERS / 8;

/// Hash of a source, split into register and rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Index of the register.
    pub register: u32,
    /// Remaining bits of the hash, with a 1 above the highest.
    rest: u64,
}

impl Observation {
    /// Register and rank of a source.
    #[inline(always)]
    pub const fn of(src: Address, seed: u64) -> Self {
        let hash = hash(src, seed);
        Self { register: hash as u32 & (REGISTERS as u32 - 1), rest: hash >> PRECISION | 1 << (64 - PRECISION) }
    }

    /// Whether the rank is above `held`, that is, the last `held` bits are 0. Cheaper than computing the rank, and mostly false.
    #[inline(always)]
    pub const fn raises(self, held: u8) -> bool {
        self.rest & ((1 << (held & 63)) - 1) == 0
    }

    /// Position of the first 1 in the rest of the hash, from 1 to 49.
    #[inline(always)]
    pub const fn rank(self) -> u8 {
        trailing_zeros(self.rest) + 1
    }
}

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014), after a multiplication that separates the two halves.
#[inline(always)]
const fn hash(src: Address, seed: u64) -> u64 {
    let mut x = (src.low ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ src.high;
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Binary search: eBPF has no count-trailing-zeros instruction, and a table would be another map.
#[inline(always)]
const fn trailing_zeros(mut x: u64) -> u8 {
    let mut zeros = 0;
    if x & 0xffff_ffff == 0 {
        zeros += 32;
        x >>= 32;
    }
    if x & 0xffff == 0 {
        zeros += 16;
        x >>= 16;
    }
    if x & 0xff == 0 {
        zeros += 8;
        x >>= 8;
    }
    if x & 0xf == 0 {
        zeros += 4;
        x >>= 4;
    }
    if x & 3 == 0 {
        zeros += 2;
        x >>= 2;
    }
    if x & 1 == 0 {
        zeros += 1;
    }
    zeros
}

/// Index in map `SKETCHES` of the element that holds a register of `family` in `shard`, and the bits to shift it by.
#[inline(always)]
pub const fn word(shard: u32, family: u32, register: u32) -> (u32, u32) {
    let families = crate::counters::FAMILY_SLOTS as u32;
    ((shard * families + family) * WORDS as u32 + register / 8, register % 8 * 8)
}
