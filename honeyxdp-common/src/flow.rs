//! Flows: the SYNs of one source to one port under one family, and their cache.
//!
//! A flow is also the record that user space receives (CAIDA: flow tuple). Every counted SYN is in exactly one record, or
//! counted as lost or sampled out.

use crate::{Address, Family, FamilySet, Syn};

/// The SYNs of one source to one port under one primary family, since the flow was inserted into the cache.
///
/// 64 bytes, one cache line. Header fields are those of the first SYN. Fields that multi-packet fingerprints compare are
/// kept of the last SYN too. Integers are in host byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Flow {
    /// Source address.
    pub src: Address,
    /// Destination port, primary family, and flags: see the methods.
    head: u32,
    /// TCP window of the first SYN, unscaled.
    pub window: u16,
    /// IPv4 time to live or IPv6 hop limit of the first SYN.
    pub ttl: u8,
    /// Length of the first SYN's TCP options, see [`crate::Options::claimed`].
    pub options_length: u8,
    /// SYNs. Cannot overflow: every flow leaves the cache at least once a minute.
    pub packets: u32,
    /// Families that any of the SYNs matched: bit `n` is the family with wire id `n`.
    matched: u16,
    /// IPv4 identification of the first SYN; 0 on IPv6.
    pub ip_id: u16,
    /// Clock tick of the first SYN, the low half of the kernel's jiffies.
    pub first_tick: u32,
    /// Clock tick of the last SYN.
    pub last_tick: u32,
    /// TCP sequence number of the first SYN.
    pub first_seq: u32,
    /// TCP sequence number of the last SYN.
    pub last_seq: u32,
    /// IPv4 destination of the first SYN, or the last 32 bits of an IPv6 destination.
    pub first_dst: u32,
    /// IPv4 destination of the last SYN, or the last 32 bits of an IPv6 destination.
    pub last_dst: u32,
    /// TCP source port of the first SYN.
    pub first_sport: u16,
    /// TCP source port of the last SYN.
    pub last_sport: u16,
    /// The first four bytes of the first SYN's TCP options, see [`crate::Options::words`].
    pub options_head: u32,
}

const _: () = assert!(size_of::<Flow>() == FLOW_BYTES);

/// Bytes of a [`Flow`].
pub const FLOW_BYTES: usize = 64;

const FAMILY_SHIFT: u32 = 16;
const V6: u32 = 1 << 20;
/// Bits that two SYNs of the same source and flow share: port, family and IP version.
const KEY: u32 = V6 | (V6 - 1);
/// Generation that the SYNs were counted in.
const GENERATION: u32 = 1 << 24;
const DONT_FRAGMENT: u32 = 1 << 25;
const SEQ_VARIES: u32 = 1 << 26;

impl Flow {
    /// The flow that begins with this SYN.
    #[inline(always)]
    pub const fn begin(syn: &Syn, family: Family, matched: FamilySet, tick: u32, generation: u32) -> Self {
        let mut head = key(syn, family) | ((generation & 1) * GENERATION);
        if syn.dont_fragment {
            head |= DONT_FRAGMENT;
        }
        Self {
            src: syn.src,
            head,
            window: syn.window,
            ttl: syn.ttl,
            options_length: syn.options.claimed,
            packets: 1,
            matched: matched as u16,
            ip_id: syn.ip_id,
            first_tick: tick,
            last_tick: tick,
            first_seq: syn.seq,
            last_seq: syn.seq,
            first_dst: syn.dst.v4(),
            last_dst: syn.dst.v4(),
            first_sport: syn.sport,
            last_sport: syn.sport,
            options_head: syn.options.words[0],
        }
    }

    /// Whether the SYN belongs to this flow. Also true for some empty slots: check `packets` first.
    #[inline(always)]
    pub const fn holds(&self, syn: &Syn, family: Family) -> bool {
        self.src.low == syn.src.low && self.head & KEY == key(syn, family) && self.src.high == syn.src.high
    }

    /// Adds a SYN that belongs to it.
    #[inline(always)]
    pub const fn add(&mut self, syn: &Syn, matched: FamilySet, tick: u32) {
        self.packets += 1;
        self.matched |= matched as u16;
        self.last_tick = tick;
        if self.last_seq != syn.seq {
            self.head |= SEQ_VARIES;
        }
        self.last_seq = syn.seq;
        self.last_dst = syn.dst.v4();
        self.last_sport = syn.sport;
    }

    /// Destination port.
    #[inline(always)]
    pub const fn dport(&self) -> u16 {
        self.head as u16
    }

    /// Primary family of all its SYNs.
    #[inline(always)]
    pub const fn family(&self) -> Family {
        Family((self.head >> FAMILY_SHIFT & 15) as u8)
    }

    /// Whether IPv4 carried it.
    #[inline(always)]
    pub const fn is_v4(&self) -> bool {
        self.head & V6 == 0
    }

    /// Families that any of the SYNs matched.
    pub const fn matched(&self) -> FamilySet {
        self.matched as FamilySet
    }

    /// Generation that its SYNs were counted in, 0 or 1.
    pub const fn generation(&self) -> u32 {
        (self.head / GENERATION) & 1
    }

    /// Whether the first SYN had IPv4's "don't fragment" set.
    pub const fn dont_fragment(&self) -> bool {
        self.head & DONT_FRAGMENT != 0
    }

    /// Whether the SYNs had different sequence numbers.
    pub const fn seq_varies(&self) -> bool {
        self.head & SEQ_VARIES != 0
    }
}

#[inline(always)]
const fn key(syn: &Syn, family: Family) -> u32 {
    let version = if syn.is_v4() { 0 } else { V6 };
    syn.dport as u32 | (family.wire_id() as u32) << FAMILY_SHIFT | version
}

/// Slot of a flow in the cache: `64 - shift` bits of a multiplicative hash (Knuth, The Art of Computer Programming, vol. 3,
/// section 6.4). The seed is random per load; only speed depends on its secrecy.
#[inline(always)]
pub const fn slot(syn: &Syn, family: Family, seed: u64, shift: u32) -> u32 {
    // Bits of an IPv4 flow do not overlap: the address takes the low half, the key the high half.
    let mixed = syn.src.low ^ (key(syn, family) as u64) << 32 ^ syn.src.high.rotate_left(21) ^ seed;
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as u32
}

/// Position of the writer or the reader in the ring of one CPU, in a cache line of its own.
///
/// Positions count records since the start and wrap only after centuries. Modulo the ring's size they are indices.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub struct Position {
    /// Writer: the next record to write. Reader: the next record to read.
    pub at: u64,
    /// Writer: the reader's position when the writer last loaded it.
    pub seen: u64,
    _rest: [u64; 6],
}
