//! From the bytes of a frame to the fields of a SYN, or to the reason why there are none.
//!
//! The way of a frame: Ethernet, up to two VLAN tags, IPv4 with options or IPv6 with extension headers, TCP. Every
//! other way out of it is a [`Disposition`].
//!
//! Lying headers. Whatever the IP length or the TCP data offset claim, a SYN is read when its 20 fixed bytes are there
//! and the IP length does not exclude them: two Mirai SYNs of a public capture claim 24 bytes in a packet that has 20.
//! An IP length beyond the frame is believed no further than the frame goes, so captures with a short snap length count
//! like whole ones.

use crate::{Disposition, IpVersion, Options, Syn};

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
/// How many IPv6 extension headers are followed.
pub const EXTENSION_HEADERS: usize = 6;

const VLAN_TAG: usize = 4;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const TCP_HEADER: usize = 20;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// The bytes of a frame, however they are reached.
///
/// Two ways in, because the kernel has two: direct access needs an offset that is constant once the code is inlined (a
/// program without CAP_PERFMON may not add a variable to a packet pointer) and reaches only the first buffer; a helper
/// call costs more and reaches everything.
pub trait Frame {
    /// Bytes in the frame, all its buffers together, without the check sequence.
    fn len(&self) -> usize;

    /// The `N` bytes at `offset`, which must be constant once inlined. `None` when they are not there or cannot be
    /// reached this way: what then looks [`Disposition::Malformed`] may be whole when it is read by [`Frame::any`].
    fn fixed<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// The `N` bytes at `offset`; `None` only when the frame ends before.
    fn any<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Frame for [u8] {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn fixed<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.any(offset)
    }

    fn any<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk().copied()
    }
}

/// Reads an Ethernet frame.
///
/// # Errors
/// The disposition of a frame that holds no initial TCP SYN.
#[inline(always)]
pub fn dissect<F: Frame + ?Sized>(frame: &F) -> Result<Syn, Disposition> {
    const ONE: usize = ETHERNET_HEADER + VLAN_TAG;
    const TWO: usize = ONE + VLAN_TAG;

    let ethernet: [u8; ETHERNET_HEADER] = frame.fixed(0).ok_or(Disposition::Malformed)?;
    let outer = be16(&ethernet, 12);
    if !is_tag(outer) {
        return network(frame, ETHERNET_HEADER, outer);
    }
    let tag: [u8; VLAN_TAG] = frame.fixed(ETHERNET_HEADER).ok_or(Disposition::Malformed)?;
    let inner = be16(&tag, 2);
    if !is_tag(inner) {
        return network(frame, ONE, inner);
    }
    let tag: [u8; VLAN_TAG] = frame.fixed(ONE).ok_or(Disposition::Malformed)?;
    network(frame, TWO, be16(&tag, 2))
}

/// Reads a frame from its network header on: `offset` is where that starts, `ethertype` what it is.
///
/// In the kernel `offset` must be constant once inlined, see [`Frame`].
///
/// # Errors
/// The disposition of a frame that holds no initial TCP SYN.
#[inline(always)]
pub fn network<F: Frame + ?Sized>(frame: &F, offset: usize, ethertype: u16) -> Result<Syn, Disposition> {
    match ethertype {
        ETHERTYPE_IPV4 => ipv4(frame, offset),
        ETHERTYPE_IPV6 => ipv6(frame, offset),
        _ => Err(Disposition::NonIp),
    }
}

#[inline(always)]
const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, ETHERTYPE_VLAN | ETHERTYPE_QINQ)
}

/// RFC 791, without options.
struct Ipv4 {
    version: u8,
    header_length: usize,
    total_length: usize,
    id: u16,
    fragment: u16,
    ttl: u8,
    protocol: u8,
    src: u32,
    dst: u32,
}

impl Ipv4 {
    const DONT_FRAGMENT: u16 = 0x4000;
    const MORE_FRAGMENTS: u16 = 0x2000;
    const FRAGMENT_OFFSET: u16 = 0x1fff;

    #[inline(always)]
    const fn parse(bytes: [u8; IPV4_HEADER]) -> Self {
        Self {
            version: bytes[0] >> 4,
            header_length: (bytes[0] & 0x0f) as usize * 4,
            total_length: be16(&bytes, 2) as usize,
            id: be16(&bytes, 4),
            fragment: be16(&bytes, 6),
            ttl: bytes[8],
            protocol: bytes[9],
            src: be32(&bytes, 12),
            dst: be32(&bytes, 16),
        }
    }
}

#[inline(always)]
fn ipv4<F: Frame + ?Sized>(frame: &F, offset: usize) -> Result<Syn, Disposition> {
    let ip = Ipv4::parse(frame.fixed(offset).ok_or(Disposition::Malformed)?);
    let header = ip.header_length;
    if ip.version != 4 || header < IPV4_HEADER || frame.len() < offset + header {
        return Err(Disposition::Malformed);
    }
    // Segmentation offload hands over packets that are longer than the field can say, and leaves it 0.
    let payload = match ip.total_length {
        0 => usize::MAX,
        total if total < header => return Err(Disposition::Malformed),
        total => total - header,
    };
    if ip.fragment & Ipv4::FRAGMENT_OFFSET != 0 {
        return Err(Disposition::Fragment);
    }
    match ip.protocol {
        TCP => {}
        UDP => return Err(Disposition::Udp),
        ICMP => return Err(Disposition::Icmp),
        _ => return Err(Disposition::OtherIp),
    }
    let network = Syn {
        version: IpVersion::V4,
        src: ip.src,
        dst: ip.dst,
        ip_id: ip.id,
        dont_fragment: ip.fragment & Ipv4::DONT_FRAGMENT != 0,
        ttl: ip.ttl,
        ..BLANK
    };
    let first_fragment = ip.fragment & Ipv4::MORE_FRAGMENTS != 0;
    // Two calls, so that the offset of the usual one is a constant.
    if header == IPV4_HEADER {
        tcp::<FIXED, F>(frame, Transport { offset: offset + IPV4_HEADER, payload, first_fragment }, network)
    } else {
        tcp::<ANY, F>(frame, Transport { offset: offset + header, payload, first_fragment }, network)
    }
}

/// RFC 8200, without the addresses.
struct Ipv6 {
    version: u8,
    payload_length: usize,
    next_header: u8,
    hop_limit: u8,
}

impl Ipv6 {
    #[inline(always)]
    const fn parse(bytes: [u8; 8]) -> Self {
        Self {
            version: bytes[0] >> 4,
            payload_length: be16(&bytes, 4) as usize,
            next_header: bytes[6],
            hop_limit: bytes[7],
        }
    }
}

#[inline(always)]
fn ipv6<F: Frame + ?Sized>(frame: &F, offset: usize) -> Result<Syn, Disposition> {
    let ip = Ipv6::parse(frame.fixed(offset).ok_or(Disposition::Malformed)?);
    if ip.version != 6 || frame.len() < offset + IPV6_HEADER {
        return Err(Disposition::Malformed);
    }
    // 0 stands for a jumbogram (RFC 2675) or for segmentation offload.
    let payload = match ip.payload_length {
        0 => usize::MAX,
        length => length,
    };
    let network = Syn { version: IpVersion::V6, ttl: ip.hop_limit, ..BLANK };
    let offset = offset + IPV6_HEADER;
    if ip.next_header == TCP {
        tcp::<FIXED, F>(frame, Transport { offset, payload, first_fragment: false }, network)
    } else {
        let transport = extension_headers(frame, offset, ip.next_header, payload)?;
        tcp::<ANY, F>(frame, transport, network)
    }
}

/// Follows the chain to TCP, or ends in the disposition of what it leads to.
#[inline(always)]
fn extension_headers<F: Frame + ?Sized>(
    frame: &F,
    mut offset: usize,
    mut next: u8,
    mut payload: usize,
) -> Result<Transport, Disposition> {
    let mut first_fragment = false;
    for _ in 0..EXTENSION_HEADERS {
        let unit = match next {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HOST_IDENTITY | SHIM6 | FRAGMENT => 8,
            AUTHENTICATION => 4,
            _ => break,
        };
        let header: [u8; 4] = frame.any(offset).ok_or(Disposition::Malformed)?;
        let length = match next {
            // Its second byte is reserved (RFC 8200, section 4.5).
            FRAGMENT => {
                if be16(&header, 2) & 0xfff8 != 0 {
                    return Err(Disposition::Fragment);
                }
                first_fragment |= header[3] & 1 != 0;
                8
            }
            // In words of four bytes, less two (RFC 4302, section 2.2).
            AUTHENTICATION => (header[1] as usize + 2) * unit,
            // In words of eight bytes, less one.
            _ => (header[1] as usize + 1) * unit,
        };
        if payload < length || frame.len() < offset + length {
            return Err(Disposition::Malformed);
        }
        if payload != usize::MAX {
            payload -= length;
        }
        next = header[0];
        offset += length;
    }
    match next {
        TCP => Ok(Transport { offset, payload, first_fragment }),
        UDP => Err(Disposition::Udp),
        ICMPV6 => Err(Disposition::Icmp),
        _ => Err(Disposition::OtherIp),
    }
}

/// The transport header is at an offset that is constant once inlined.
const FIXED: bool = true;
/// The transport header is behind something of variable length.
const ANY: bool = false;

/// Where the transport header is, and how much of it there can be.
#[derive(Clone, Copy)]
struct Transport {
    offset: usize,
    /// Bytes that the network header leaves for it; `usize::MAX` when it does not say.
    payload: usize,
    /// Whether more fragments follow.
    first_fragment: bool,
}

impl Transport {
    /// Whether the network header leaves room for `length` bytes and the frame has them.
    #[inline(always)]
    fn holds<F: Frame + ?Sized>(self, frame: &F, length: usize) -> bool {
        self.payload >= length && frame.len() >= self.offset + length
    }

    /// The `N` bytes from `skip` on.
    #[inline(always)]
    fn read<const REACH: bool, const N: usize, F: Frame + ?Sized>(
        self,
        frame: &F,
        skip: usize,
    ) -> Result<[u8; N], Disposition> {
        let bytes = if REACH == FIXED { frame.fixed(self.offset + skip) } else { frame.any(self.offset + skip) };
        bytes.ok_or(Disposition::Malformed)
    }
}

/// A SYN of which nothing is known yet.
const BLANK: Syn = Syn {
    version: IpVersion::V4,
    src: 0,
    dst: 0,
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

/// RFC 9293, without options.
struct Tcp {
    sport: u16,
    dport: u16,
    seq: u32,
    ack: u32,
    data_offset: u8,
    flags: u8,
    window: u16,
}

impl Tcp {
    #[inline(always)]
    const fn parse(bytes: [u8; TCP_HEADER]) -> Self {
        Self {
            sport: be16(&bytes, 0),
            dport: be16(&bytes, 2),
            seq: be32(&bytes, 4),
            ack: be32(&bytes, 8),
            data_offset: bytes[12] >> 4,
            flags: bytes[13],
            window: be16(&bytes, 14),
        }
    }
}

/// Reads the TCP header and adds it to what the network header said.
#[inline(always)]
fn tcp<const REACH: bool, F: Frame + ?Sized>(frame: &F, at: Transport, network: Syn) -> Result<Syn, Disposition> {
    if at.payload < TCP_HEADER && at.first_fragment {
        // The rest of the header may come in the next fragment, so nothing is wrong with this one.
        return Err(Disposition::Fragment);
    }
    if !at.holds(frame, TCP_HEADER) {
        return Err(Disposition::Malformed);
    }
    let tcp = Tcp::parse(at.read::<REACH, TCP_HEADER, F>(frame, 0)?);
    if tcp.flags & (SYN | ACK | RST | FIN) != SYN {
        return Err(Disposition::TcpOther);
    }
    Ok(Syn {
        sport: tcp.sport,
        dport: tcp.dport,
        seq: tcp.seq,
        ack: tcp.ack,
        window: tcp.window,
        options: options::<REACH, F>(frame, at, tcp.data_offset)?,
        ..network
    })
}

/// Reads the head of the options that a data offset, in words of four bytes, claims.
#[inline(always)]
fn options<const REACH: bool, F: Frame + ?Sized>(
    frame: &F,
    at: Transport,
    data_offset: u8,
) -> Result<Options, Disposition> {
    let Some(claimed) = data_offset.checked_sub(5) else {
        return Ok(Options { claimed: Options::IMPOSSIBLE, words: [0; 3] });
    };
    let claimed = claimed * 4;
    let words = if claimed == 12 && at.holds(frame, TCP_HEADER + 12) {
        let bytes = at.read::<REACH, 12, F>(frame, TCP_HEADER)?;
        [be32(&bytes, 0), be32(&bytes, 4), be32(&bytes, 8)]
    } else if claimed > 0 && claimed != 12 && at.holds(frame, TCP_HEADER + 4) {
        let bytes = at.read::<REACH, 4, F>(frame, TCP_HEADER)?;
        [be32(&bytes, 0), 0, 0]
    } else {
        [0; 3]
    };
    Ok(Options { claimed, words })
}

#[inline(always)]
const fn be16<const N: usize>(bytes: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

#[inline(always)]
const fn be32<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
