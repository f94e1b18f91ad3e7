//! What comes after the SYN: how the kernel program answers on addresses where nobody listens, keeps the first payload, and how
//! that lies in the maps.
//!
//! **No state before proof.** A SYN is answered with a sequence number that only this sensor can make ([`cookie`]), so nothing
//! is kept until the other side has shown that it gets our answers. The cookie holds the SYN's own number too: whether a
//! segment is the first one after the handshake is told by its numbers alone.

pub mod cookie;
mod payload;
mod reply;

pub use payload::{PAYLOAD, PAYLOAD_BITS, PAYLOAD_BYTES, Payload, Stage};
pub use reply::{Answer, Reply, Text, V4_HEADER, V6_HEADER};

use crate::{Address, Syn, dissect::Segment};

/// Whether first payloads of connections to the host's own ports are kept: a bit of `RESPONDER`.
pub const OBSERVE: u32 = 1;
/// Whether SYNs are answered.
pub const RESPOND: u32 = 2;

/// What is done at a port: rows of [`crate::filter::PORT_WORDS`] words in map `RESPONDER_PORTS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PortKind {
    /// Payloads are observed.
    Observed = 0,
    /// SYNs are answered.
    Answered = 1,
    /// They are, and the server speaks first, as telnet does.
    Prompted = 2,
}

impl PortKind {
    /// All.
    pub const ALL: [Self; 3] = [Self::Observed, Self::Answered, Self::Prompted];
}

/// Connections that are waited for at observed ports, as a power of two: 2 MiB. A SYN flood of a million a second leaves
/// each of them a quarter of a second.
pub const EXPECTED_BITS: u32 = 18;
/// Logins that go on at a time, as a power of two.
pub const SESSION_BITS: u32 = 14;
/// Places for the rates of sources, as a power of two. Sources that share one share the rate.
pub const LIMIT_BITS: u32 = 16;
/// Kinds of rates in map `LIMITS`: of each 2^[`LIMIT_BITS`] words for sources, and then a word for all together.
pub const LIMITS: u32 = 2;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Limit {
    /// SYNs that are answered.
    Answers = 0,
    /// Payloads that are kept.
    Payloads = 1,
}

/// Words of map `LIMITS`.
pub const LIMIT_WORDS: u32 = LIMITS * ((1 << LIMIT_BITS) + 1);

/// Index of the word of a source, by the hash of its address.
#[inline(always)]
pub const fn limit_of_source(limit: Limit, hash: u64) -> u32 {
    (limit as u32) << LIMIT_BITS | (hash >> (64 - LIMIT_BITS)) as u32
}

/// Index of the word of all sources together.
#[inline(always)]
pub const fn limit_of_all(limit: Limit) -> u32 {
    (LIMITS << LIMIT_BITS) + limit as u32
}

/// What the responder did, and what it did not. The discriminant is the index of the counter: numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Event {
    /// A SYN was answered.
    Answered = 0,
    /// A SYN was not: its source had its share of this second.
    RateLimitedSource = 1,
    /// A SYN was not: all answers of this second were given.
    RateLimitedTotal = 2,
    /// A SYN was not: it has IP options or extension headers, is a fragment, or its header lies about its length.
    Unsupported = 3,
    /// A handshake was completed.
    Accepted = 4,
    /// A segment that belongs to no answer of this sensor.
    OutOfState = 5,
    /// The kernel did not let a frame be changed.
    Failed = 6,
    /// A payload was kept.
    Kept = 7,
    /// A payload was not: its source, or all together, had had as many in this second.
    PayloadRateLimited = 8,
    /// A payload was not: the ring was full.
    PayloadLost = 9,
    /// A prompt was sent.
    Prompted = 10,
    /// What was typed was taken, and more is waited for.
    Taken = 11,
    /// A connection was ended.
    Ended = 12,
}

impl Event {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Answered,
        Self::RateLimitedSource,
        Self::RateLimitedTotal,
        Self::Unsupported,
        Self::Accepted,
        Self::OutOfState,
        Self::Failed,
        Self::Kept,
        Self::PayloadRateLimited,
        Self::PayloadLost,
        Self::Prompted,
        Self::Taken,
        Self::Ended,
    ];
}

/// Counters of a CPU in a generation; a power of two, so that no two CPUs share a cache line.
pub const EVENTS: usize = 16;

const _: () = assert!(Event::ALL.len() <= EVENTS);

/// Index in map `EVENTS` of a counter in a part, see [`crate::counters::part`].
#[inline(always)]
pub const fn event_counter(part: u32, event: Event) -> u32 {
    part * EVENTS as u32 + event as u32
}

/// A login that goes on: the other side has shown that it gets our answers. Integers are in the machine's byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Session {
    /// The connection, by its hash; never 0 where there is one.
    pub connection: u64,
    /// The number that the next segment with something new has.
    pub next: u32,
    /// The number that ours has.
    pub ours: u32,
    /// What is waited for: 0 for a user, 1 for a password.
    pub stage: u32,
    /// Segments with something in them, so far.
    pub segments: u32,
}

impl Session {
    /// More segments than this are no login.
    pub const MOST: u32 = 64;
}

/// Words of a segment's connection, for hashes: addresses, ports.
#[inline(always)]
pub const fn connection(segment: &Segment) -> [u64; 5] {
    words(segment.src, segment.dst, segment.sport, segment.dport, segment.is_v4())
}

/// The same of a SYN.
#[inline(always)]
pub const fn connection_of_syn(syn: &Syn) -> [u64; 5] {
    words(syn.src, syn.dst, syn.sport, syn.dport, syn.is_v4())
}

#[inline(always)]
const fn words(src: Address, dst: Address, sport: u16, dport: u16, is_v4: bool) -> [u64; 5] {
    [src.high, src.low, dst.high, dst.low, (is_v4 as u64) << 32 | (sport as u64) << 16 | dport as u64]
}
