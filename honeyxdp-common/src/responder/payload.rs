//! A first payload on its way to user space.

use crate::{Address, dissect::Segment};

/// Most bytes of a payload that are kept.
pub const PAYLOAD: usize = 512;
/// Bytes of a [`Payload`].
pub const PAYLOAD_BYTES: usize = 64 + PAYLOAD;
/// Payloads in the ring of each CPU, as a power of two.
pub const PAYLOAD_BITS: u32 = 9;

/// What a payload is to its connection. The discriminant is what lies in memory: numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// The first one, at a port where somebody listens.
    Observed = 0,
    /// The first one, after an answer of the responder.
    Answered = 1,
    /// What came after the prompt for a user.
    User = 2,
    /// What came after the prompt for a password.
    Password = 3,
}

impl Stage {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Observed, Self::Answered, Self::User, Self::Password];
}

/// A payload, with what is known of its connection. Integers are in the machine's byte order.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Payload {
    /// Source address.
    pub src: Address,
    /// The connection, by a hash: equal for all that belongs together.
    pub connection: u64,
    /// TCP sequence number.
    pub seq: u32,
    /// Bytes of data in the segment.
    pub length: u32,
    /// How many of them are kept.
    pub kept: u16,
    /// TCP source port.
    pub sport: u16,
    /// TCP destination port.
    pub dport: u16,
    /// A number of [`Stage`].
    stage: u8,
    /// 1 over IPv6.
    v6: u8,
    gap: [u32; 6],
    /// The first bytes of the segment.
    pub bytes: [u8; PAYLOAD],
}

const _: () = assert!(size_of::<Payload>() == PAYLOAD_BYTES);

impl Payload {
    /// Writes all but the bytes.
    ///
    /// Field by field, and not as one value: that would be on the kernel's stack, which has 512 bytes.
    #[inline(always)]
    pub const fn describe(&mut self, segment: &Segment, stage: Stage, connection: u64, kept: u16) {
        self.src = segment.src;
        self.connection = connection;
        self.seq = segment.seq;
        self.length = segment.length as u32;
        self.kept = kept;
        self.sport = segment.sport;
        self.dport = segment.dport;
        self.stage = stage as u8;
        self.v6 = !segment.is_v4() as u8;
    }

    /// Whether IPv4 carried it.
    pub const fn is_v4(&self) -> bool {
        self.v6 == 0
    }

    /// What it is to its connection.
    pub fn stage(&self) -> Stage {
        Stage::ALL.get(usize::from(self.stage)).copied().unwrap_or(Stage::Observed)
    }

    /// The bytes that were kept.
    pub fn data(&self) -> &[u8] {
        &self.bytes[..usize::from(self.kept).min(PAYLOAD)]
    }
}
