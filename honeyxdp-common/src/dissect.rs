//! Dissects the bytes of a frame into the fields of a SYN, or into the disposition of any other frame.
//!
//! Supported: Ethernet, up to two VLAN tags, IPv4 with options, IPv6 with extension headers, TCP.
//!
//! **Inconsistent headers.** A SYN is read if its 20 fixed bytes are present and the IP length includes them, whatever the TCP
//! data offset claims: two Mirai SYNs of a public capture claim 24 bytes of header in a packet that has 20. An IP length
//! beyond the end of the frame is clamped, so captures with a short snap length are counted like complete ones.

mod frame;
mod ipv4;
mod ipv6;
mod segment;
mod tcp;

pub use frame::Frame;
pub use ipv6::EXTENSION_HEADERS;
pub use segment::{Segment, segment};
pub use tcp::{ACK, FIN, PSH, RST, SYN, TCP_HEADER, Transport};

use crate::{Disposition, Syn};

/// Length of an Ethernet header without tags, bytes.
pub const ETHERNET_HEADER: usize = 14;
/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Tag protocol identifier of a customer tag (IEEE 802.1Q).
pub const ETHERTYPE_VLAN: u16 = 0x8100;
/// Tag protocol identifier of a service tag (IEEE 802.1ad).
pub const ETHERTYPE_QINQ: u16 = 0x88a8;

const VLAN_TAG: usize = 4;

/// IANA protocol numbers common to IPv4 and IPv6.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Consumer of a dissected SYN.
pub trait Sink: Sized {
    /// Handles a SYN and returns the disposition of its frame.
    ///
    /// Implementations are `#[inline(always)]`, so that every path through the parser has its own copy. A shared copy would
    /// make the XDP program spill all fields of the SYN to the stack.
    fn take(self, syn: Syn) -> Disposition;

    /// Handles a TCP packet at `at`; `network` holds the fields of the IP header. The default dissects the TCP header and
    /// passes SYNs to [`Sink::take`]; override it to see other segments too.
    #[inline(always)]
    fn tcp<const REACH: bool, F: Frame + ?Sized>(self, frame: &F, at: Transport, network: Syn) -> Disposition {
        match tcp::syn::<REACH, F>(frame, at, network) {
            Ok(syn) => self.take(syn),
            Err(disposition) => disposition,
        }
    }
}

/// Stores the SYN.
struct Keep<'a>(&'a mut Syn);

impl Sink for Keep<'_> {
    #[inline(always)]
    fn take(self, syn: Syn) -> Disposition {
        *self.0 = syn;
        Disposition::Syn
    }
}

/// Dissects an Ethernet frame.
///
/// # Errors
/// Returns the disposition of a frame that is not an initial TCP SYN.
#[inline]
pub fn dissect<F: Frame + ?Sized>(frame: &F) -> Result<Syn, Disposition> {
    let mut syn = Syn::BLANK;
    match ethernet(frame, Keep(&mut syn)) {
        Disposition::Syn => Ok(syn),
        other => Err(other),
    }
}

/// Dissects a frame from its network header at `offset`, of type `ethertype`.
///
/// # Errors
/// Returns the disposition of a frame that is not an initial TCP SYN.
#[inline]
pub fn dissect_network<F: Frame + ?Sized>(frame: &F, offset: usize, ethertype: u16) -> Result<Syn, Disposition> {
    let mut syn = Syn::BLANK;
    match network(frame, offset, ethertype, Keep(&mut syn)) {
        Disposition::Syn => Ok(syn),
        other => Err(other),
    }
}

/// Dissects an Ethernet frame and passes a SYN to `sink`. Returns the sink's disposition, or that of a frame that is not an
/// initial TCP SYN.
#[inline(always)]
pub fn ethernet<F: Frame + ?Sized>(frame: &F, sink: impl Sink) -> Disposition {
    const ONE: usize = ETHERNET_HEADER + VLAN_TAG;
    const TWO: usize = ONE + VLAN_TAG;

    let Some(ethernet) = frame.fixed::<ETHERNET_HEADER>(0) else {
        return Disposition::Malformed;
    };
    let outer = be16(&ethernet, 12);
    if !is_tag(outer) {
        return network(frame, ETHERNET_HEADER, outer, sink);
    }
    let Some(tag) = frame.fixed::<VLAN_TAG>(ETHERNET_HEADER) else {
        return Disposition::Malformed;
    };
    let inner = be16(&tag, 2);
    if !is_tag(inner) {
        return network(frame, ONE, inner, sink);
    }
    let Some(tag) = frame.fixed::<VLAN_TAG>(ONE) else {
        return Disposition::Malformed;
    };
    network(frame, TWO, be16(&tag, 2), sink)
}

/// In the XDP program `offset` must be a constant after inlining, see [`Frame`].
#[inline(always)]
fn network<F: Frame + ?Sized>(frame: &F, offset: usize, ethertype: u16, sink: impl Sink) -> Disposition {
    match ethertype {
        ETHERTYPE_IPV4 => ipv4::packet(frame, offset, sink),
        ETHERTYPE_IPV6 => ipv6::packet(frame, offset, sink),
        _ => Disposition::NonIp,
    }
}

#[inline(always)]
const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, ETHERTYPE_VLAN | ETHERTYPE_QINQ)
}

#[inline(always)]
const fn be16<const N: usize>(bytes: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

#[inline(always)]
const fn be64<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    (be32(bytes, at) as u64) << 32 | be32(bytes, at + 4) as u64
}

#[inline(always)]
const fn be32<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
