//! Header fields of one SYN: the input of every fingerprint.

use crate::Address;

/// Version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IpVersion {
    /// RFC 791.
    V4,
    /// RFC 8200.
    V6,
}

/// The fields of an initial TCP SYN, as integers read big-endian from the wire.
///
/// SYN is set; ACK, RST and FIN are clear. ECE and CWR do not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syn {
    /// IP version.
    pub version: IpVersion,
    /// Source address.
    pub src: Address,
    /// Destination address.
    pub dst: Address,
    /// IPv4 identification; 0 on IPv6.
    pub ip_id: u16,
    /// IPv4 "don't fragment"; false on IPv6.
    pub dont_fragment: bool,
    /// IPv4 time to live or IPv6 hop limit, as received.
    pub ttl: u8,
    /// TCP source port.
    pub sport: u16,
    /// TCP destination port.
    pub dport: u16,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP acknowledgment number. Meaningless without the ACK flag; ordinary stacks send 0.
    pub ack: u32,
    /// TCP window, unscaled.
    pub window: u16,
    /// TCP options.
    pub options: Options,
}

impl Syn {
    /// A SYN with every field zero.
    pub const BLANK: Self = Self {
        version: IpVersion::V4,
        src: Address::from_v4(0),
        dst: Address::from_v4(0),
        ip_id: 0,
        dont_fragment: false,
        ttl: 0,
        sport: 0,
        dport: 0,
        seq: 0,
        ack: 0,
        window: 0,
        options: Options::NONE,
    };

    /// Whether the SYN came over IPv4. Rules on the 32-bit destination or the IP id match only there.
    #[inline(always)]
    pub const fn is_v4(&self) -> bool {
        matches!(self.version, IpVersion::V4)
    }
}

/// The head of the TCP options: their length and their first twelve bytes.
///
/// Twelve bytes identify every layout that a rule names; the length excludes longer lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length that the data offset claims, 0 to 40 bytes, or [`Options::IMPOSSIBLE`].
    pub claimed: u8,
    /// The first three 32-bit words, big-endian; 0 where the packet ends before the claimed length. Words after the first
    /// are read only if the list has exactly twelve bytes.
    pub words: [u32; 3],
}

impl Options {
    /// Instead of a length: the data offset is below five words, shorter than the fixed header.
    pub const IMPOSSIBLE: u8 = u8::MAX;

    /// No options.
    pub const NONE: Self = Self { claimed: 0, words: [0; 3] };

    /// Kind 2, length 4, value 1460 (RFC 9293, section 3.2), and nothing else.
    pub const MSS_1460: Self = Self { claimed: 4, words: [0x0204_05b4, 0, 0] };

    /// Whether the header ends after its 20 fixed bytes.
    #[inline(always)]
    pub const fn is_none(&self) -> bool {
        self.claimed == 0
    }

    /// Whether a maximum segment size of any value is the only option.
    #[inline(always)]
    pub const fn is_mss_only(&self) -> bool {
        self.claimed == 4 && self.words[0] >> 16 == 0x0204
    }

    /// Whether MSS 1460 is the only option: the four bytes `020405b4`.
    #[inline(always)]
    pub const fn is_mss_1460_only(&self) -> bool {
        self.claimed == 4 && self.words[0] == Self::MSS_1460.words[0]
    }
}
