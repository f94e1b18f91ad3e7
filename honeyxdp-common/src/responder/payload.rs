//! Record of a captured payload.

use crate::{Address, dissect::Segment};

/// Most bytes of a payload that are captured.
pub const PAYLOAD: usize = 512;
/// Bytes of a [`Payload`].
pub const PAYLOAD_BYTES: usize = 64 + PAYLOAD;
/// Payloads in the ring of each CPU, as a power of two.
pub const PAYLOAD_BITS: u32 = 9;

/// Position of a payload in its connection. The discriminant is stored in the record. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// First payload at one of the host's own ports.
    Observed = 0,
    /// First payload after an answer of the responder.
    Answered = 1,
    /// Input at the prompt for a user name.
    User = 2,
    /// Input at the prompt for a password.
    Password = 3,
}

impl Stage {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Observed, Self::Answered, Self::User, Self::Password];
}

/// A payload and its connection. Integers are in host byte order.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Payload {
    /// Source address.
    pub src: Address,
    /// Hash of the connection.
    pub connection: u64,
    /// TCP sequence number.
    pub seq: u32,
    /// Bytes of data in the segment.
    pub length: u32,
    /// Bytes of data that were captured.
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
    /// Writes all fields but the bytes.
    ///
    /// Field by field, because a whole value would not fit on the 512-byte eBPF stack.
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

    /// Whether the payload came over IPv4.
    pub const fn is_v4(&self) -> bool {
        self.v6 == 0
    }

    /// Position in its connection.
    pub fn stage(&self) -> Stage {
        Stage::ALL.get(usize::from(self.stage)).copied().unwrap_or(Stage::Observed)
    }

    /// The captured bytes.
    pub fn data(&self) -> &[u8] {
        &self.bytes[..usize::from(self.kept).min(PAYLOAD)]
    }
}
