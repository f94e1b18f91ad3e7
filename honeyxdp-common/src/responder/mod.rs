//! The in-kernel responder and payload capture: protocol logic and map layouts.
//!
//! **Stateless until verified.** The responder answers a SYN with a sequence number that only this sensor can compute
//! ([`cookie`]), and keeps no state until the peer has proven that it receives the answers. The cookie includes the SYN's own
//! sequence number, so two header fields identify the first segment after the handshake.

pub mod cookie;
mod payload;
mod reply;

pub use payload::{PAYLOAD, PAYLOAD_BITS, PAYLOAD_BYTES, Payload, Stage};
pub use reply::{Answer, Reply, Text, V4_HEADER, V6_HEADER};

use crate::{Address, Syn, dissect::Segment};

/// Bit of `RESPONDER`: capture first payloads of connections to the host's own ports.
pub const OBSERVE: u32 = 1;
/// Bit of `RESPONDER`: answer SYNs.
pub const RESPOND: u32 = 2;

/// Sets of ports: rows of [`crate::filter::PORT_WORDS`] words in map `RESPONDER_PORTS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PortKind {
    /// Payloads are observed.
    Observed = 0,
    /// SYNs are answered.
    Answered = 1,
    /// SYNs are answered, and the server sends the first data, as telnet does.
    Prompted = 2,
}

impl PortKind {
    /// All.
    pub const ALL: [Self; 3] = [Self::Observed, Self::Answered, Self::Prompted];
}

/// Slots for connections to observed ports that await their first segment, as a power of two (2 MiB). A flood of a million SYNs
/// per second leaves each entry a quarter of a second.
pub const EXPECTED_BITS: u32 = 18;
/// Slots for logins in progress, as a power of two.
pub const SESSION_BITS: u32 = 14;
/// Slots for the rates of sources, as a power of two. Sources in the same slot share its rate.
pub const LIMIT_BITS: u32 = 16;
/// Kinds of rates in map `LIMITS`: 2^[`LIMIT_BITS`] words for sources each, followed by one word each for the total.
pub const LIMITS: u32 = 2;

/// A rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Limit {
    /// SYNs that are answered.
    Answers = 0,
    /// Captured payloads.
    Payloads = 1,
}

/// Words of map `LIMITS`.
pub const LIMIT_WORDS: u32 = LIMITS * ((1 << LIMIT_BITS) + 1);

/// Index of the word of a source, by the hash of its address.
#[inline(always)]
pub const fn limit_of_source(limit: Limit, hash: u64) -> u32 {
    (limit as u32) << LIMIT_BITS | (hash >> (64 - LIMIT_BITS)) as u32
}

/// Index of the word of the total.
#[inline(always)]
pub const fn limit_of_all(limit: Limit) -> u32 {
    (LIMITS << LIMIT_BITS) + limit as u32
}

/// Events of the responder and payload capture. The discriminant is the index of the counter. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Event {
    /// A SYN was answered.
    Answered = 0,
    /// A SYN was not answered: its source exceeded its rate.
    RateLimitedSource = 1,
    /// A SYN was not answered: the total rate was exceeded.
    RateLimitedTotal = 2,
    /// A SYN was not answered: IP options, extension headers, a fragment, or an inconsistent header length.
    Unsupported = 3,
    /// A handshake was completed.
    Accepted = 4,
    /// A segment matches no answer of this sensor.
    OutOfState = 5,
    /// The kernel rejected the change of a frame.
    Failed = 6,
    /// A payload was captured.
    Captured = 7,
    /// A payload was not captured: a rate was exceeded.
    PayloadRateLimited = 8,
    /// A payload was dropped: the ring was full.
    PayloadLost = 9,
    /// A prompt was sent.
    Prompted = 10,
    /// Login input was captured; more is expected.
    Taken = 11,
    /// A connection was reset.
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
        Self::Captured,
        Self::PayloadRateLimited,
        Self::PayloadLost,
        Self::Prompted,
        Self::Taken,
        Self::Ended,
    ];
}

/// Counters in one shard. A power of two, so that no two CPUs share a cache line.
pub const EVENTS: usize = 16;

const _: () = assert!(Event::ALL.len() <= EVENTS);

/// Index in map `EVENTS` of a counter in a shard, see [`crate::counters::shard`].
#[inline(always)]
pub const fn event_counter(shard: u32, event: Event) -> u32 {
    shard * EVENTS as u32 + event as u32
}

/// A login in progress with a verified peer. Integers are in host byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Session {
    /// Hash of the connection; 0 in a free slot.
    pub connection: u64,
    /// Sequence number of the next segment with new data.
    pub next: u32,
    /// Our next sequence number.
    pub ours: u32,
    /// Expected input: 0 user name, 1 password.
    pub stage: u32,
    /// Segments with data so far.
    pub segments: u32,
}

impl Session {
    /// Most segments of a login.
    pub const MOST: u32 = 64;
}

/// Hash input of a segment's connection: addresses, ports, IP version.
#[inline(always)]
pub const fn connection(segment: &Segment) -> [u64; 5] {
    words(segment.src, segment.dst, segment.sport, segment.dport, segment.is_v4())
}

/// Hash input of a SYN's connection.
#[inline(always)]
pub const fn connection_of_syn(syn: &Syn) -> [u64; 5] {
    words(syn.src, syn.dst, syn.sport, syn.dport, syn.is_v4())
}

#[inline(always)]
const fn words(src: Address, dst: Address, sport: u16, dport: u16, is_v4: bool) -> [u64; 5] {
    [src.high, src.low, dst.high, dst.low, (is_v4 as u64) << 32 | (sport as u64) << 16 | dport as u64]
}
