//! From the bytes of a frame to the fields of a SYN, or to the reason why there are none.
//!
//! The way of a frame: Ethernet, up to two VLAN tags, IPv4 with options or IPv6 with extension headers, TCP. Every
//! other way out of it is a [`Disposition`].
//!
//! Lying headers. Whatever the IP length or the TCP data offset claim, a SYN is read when its 20 fixed bytes are there
//! and the IP length does not exclude them: two Mirai SYNs of a public capture claim 24 bytes in a packet that has 20.
//! An IP length beyond the frame is believed no further than the frame goes, so captures with a short snap length count
//! like whole ones.

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

/// Protocol numbers (IANA) that mean the same over IPv4 and IPv6.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What happens to a SYN.
pub trait Sink: Sized {
    /// Takes a SYN and says what became of its frame.
    ///
    /// Implementations are `#[inline(always)]`: this is part of every way through the parser. That is what makes the kernel
    /// program fast: where ways meet, all fields of a SYN would first have to be put on the stack.
    fn take(self, syn: Syn) -> Disposition;

    /// Takes a packet that holds TCP, at `at` of the frame; `network` has what the headers before it say. All but who looks at
    /// other segments too leave it as it is: SYNs are taken.
    #[inline(always)]
    fn tcp<const REACH: bool, F: Frame + ?Sized>(self, frame: &F, at: Transport, network: Syn) -> Disposition {
        match tcp::syn::<REACH, F>(frame, at, network) {
            Ok(syn) => self.take(syn),
            Err(disposition) => disposition,
        }
    }
}

/// Keeps the SYN.
struct Keep<'a>(&'a mut Syn);

impl Sink for Keep<'_> {
    #[inline(always)]
    fn take(self, syn: Syn) -> Disposition {
        *self.0 = syn;
        Disposition::Syn
    }
}

/// Reads an Ethernet frame.
///
/// # Errors
/// The disposition of a frame that holds no initial TCP SYN.
#[inline]
pub fn dissect<F: Frame + ?Sized>(frame: &F) -> Result<Syn, Disposition> {
    let mut syn = Syn::BLANK;
    match ethernet(frame, Keep(&mut syn)) {
        Disposition::Syn => Ok(syn),
        other => Err(other),
    }
}

/// Reads a frame from its network header on: `offset` is where that starts, `ethertype` what it is.
///
/// # Errors
/// The disposition of a frame that holds no initial TCP SYN.
#[inline]
pub fn dissect_network<F: Frame + ?Sized>(frame: &F, offset: usize, ethertype: u16) -> Result<Syn, Disposition> {
    let mut syn = Syn::BLANK;
    match network(frame, offset, ethertype, Keep(&mut syn)) {
        Disposition::Syn => Ok(syn),
        other => Err(other),
    }
}

/// Reads an Ethernet frame and hands its SYN to `sink`. Returns what that says of it, or the disposition of a frame that holds
/// no initial TCP SYN.
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

/// In the kernel `offset` must be constant once inlined, see [`Frame`].
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
