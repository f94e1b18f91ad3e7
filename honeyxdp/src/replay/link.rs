//! Which link types are read, and how each leads to the network header.
//!
//! The numbers are those of <https://www.tcpdump.org/linktypes.html>. Everything from the network header on, and all of
//! Ethernet, is read by [`honeyxdp_common`], so a capture is judged by the code that runs in the kernel.

use honeyxdp_common::dissect::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_QINQ, ETHERTYPE_VLAN, dissect_network};
use honeyxdp_common::{Disposition, Frame, Syn};

/// How many VLAN tags are followed, as in an Ethernet frame.
const TAGS: usize = 2;

/// A link type whose packets can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// BSD loopback, LINKTYPE_NULL: the address family in the byte order of the capturing machine.
    Null,
    /// IEEE 802.3 Ethernet, without preamble.
    Ethernet,
    /// Packets that begin with an IPv4 or an IPv6 header, LINKTYPE_RAW.
    Raw,
    /// OpenBSD loopback, LINKTYPE_LOOP: the address family, big-endian.
    Loop,
    /// Linux "any" interface, LINKTYPE_LINUX_SLL.
    Cooked,
    /// Packets that begin with an IPv4 header.
    Ipv4,
    /// Packets that begin with an IPv6 header.
    Ipv6,
    /// Linux "any" interface, LINKTYPE_LINUX_SLL2.
    Cooked2,
}

impl LinkType {
    /// The link type behind a LINKTYPE_ number; `None` when its packets cannot be read.
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            // 12 and 14 are DLT_RAW of most systems and of OpenBSD. Some writers put it in place of 101.
            12 | 14 | 101 => Self::Raw,
            108 => Self::Loop,
            113 => Self::Cooked,
            228 => Self::Ipv4,
            229 => Self::Ipv6,
            276 => Self::Cooked2,
            _ => return None,
        })
    }
}

/// Reads one captured packet, which may be cut at the snap length.
///
/// # Errors
/// The disposition of a packet that holds no initial TCP SYN. A link header that is cut short is
/// [`Disposition::Malformed`].
#[inline]
pub fn dissect(link: LinkType, data: &[u8]) -> Result<Syn, Disposition> {
    let (offset, ethertype) = match link {
        LinkType::Ethernet => return honeyxdp_common::dissect(data),
        LinkType::Raw => (0, raw(field(data, 0)?)?),
        LinkType::Ipv4 => (0, ETHERTYPE_IPV4),
        LinkType::Ipv6 => (0, ETHERTYPE_IPV6),
        LinkType::Null => (4, family(field(data, 0)?)),
        LinkType::Loop => (4, family_be(field(data, 0)?)),
        // Packet type, hardware type, address length, address of 8 bytes, protocol.
        LinkType::Cooked => untag(data, 16, field(data, 14)?)?,
        // Protocol, two reserved bytes, interface, hardware type, packet type, address length, address of 8 bytes.
        LinkType::Cooked2 => untag(data, 20, field(data, 0)?)?,
    };
    dissect_network(data, offset, ethertype)
}

/// The `N` bytes at `offset`.
fn field<const N: usize>(data: &[u8], offset: usize) -> Result<[u8; N], Disposition> {
    data.any(offset).ok_or(Disposition::Malformed)
}

/// The EtherType that the version of an IP header stands for.
fn raw([first]: [u8; 1]) -> Result<u16, Disposition> {
    match first >> 4 {
        4 => Ok(ETHERTYPE_IPV4),
        6 => Ok(ETHERTYPE_IPV6),
        _ => Err(Disposition::Malformed),
    }
}

/// The EtherType of an address family in unknown byte order: families are below 256, so only one order makes sense.
fn family(bytes: [u8; 4]) -> u16 {
    match family_be(bytes) {
        0 => family_be(u32::from_le_bytes(bytes).to_be_bytes()),
        ethertype => ethertype,
    }
}

/// The EtherType of a big-endian address family, or 0, which is none.
fn family_be(bytes: [u8; 4]) -> u16 {
    match u32::from_be_bytes(bytes) {
        2 => ETHERTYPE_IPV4,
        // AF_INET6 of Windows, of NetBSD and OpenBSD, of FreeBSD, of macOS.
        23 | 24 | 28 | 30 => ETHERTYPE_IPV6,
        _ => 0,
    }
}

/// Steps over VLAN tags. Gives the offset of the network header and its EtherType.
///
/// libpcap puts the tag that the kernel took out back in place of the protocol of a cooked header.
fn untag(data: &[u8], mut offset: usize, protocol: [u8; 2]) -> Result<(usize, u16), Disposition> {
    let mut ethertype = u16::from_be_bytes(protocol);
    for _ in 0..TAGS {
        if !matches!(ethertype, ETHERTYPE_VLAN | ETHERTYPE_QINQ) {
            break;
        }
        let [_, _, high, low] = field(data, offset)?;
        ethertype = u16::from_be_bytes([high, low]);
        offset += 4;
    }
    // A cooked header ends here even when nothing follows it.
    if data.len() < offset { Err(Disposition::Malformed) } else { Ok((offset, ethertype)) }
}

#[cfg(test)]
mod tests;
