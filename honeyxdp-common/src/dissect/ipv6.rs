//! IPv6, with a bounded chain of extension headers.

use super::{
    Frame, Sink, TCP, UDP, be16, be64,
    tcp::{ANY, FIXED, Transport},
};
use crate::{Address, Disposition, IpVersion, Syn};

/// Most IPv6 extension headers that are followed.
pub const EXTENSION_HEADERS: usize = 6;

const IPV6_HEADER: usize = 40;

/// IANA next-header numbers that end a chain.
const ICMPV6: u8 = 58;
/// IANA next-header numbers of extension headers.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// RFC 8200.
struct Ipv6 {
    version: u8,
    payload_length: usize,
    next_header: u8,
    hop_limit: u8,
    src: Address,
    dst: Address,
}

impl Ipv6 {
    #[inline(always)]
    const fn parse(bytes: [u8; IPV6_HEADER]) -> Self {
        Self {
            version: bytes[0] >> 4,
            payload_length: be16(&bytes, 4) as usize,
            next_header: bytes[6],
            hop_limit: bytes[7],
            src: Address { high: be64(&bytes, 8), low: be64(&bytes, 16) },
            dst: Address { high: be64(&bytes, 24), low: be64(&bytes, 32) },
        }
    }
}

#[inline(always)]
pub(super) fn packet<F: Frame + ?Sized>(frame: &F, start: usize, sink: impl Sink) -> Disposition {
    let Some(bytes) = frame.fixed(start) else {
        return Disposition::Malformed;
    };
    let ip = Ipv6::parse(bytes);
    if ip.version != 6 {
        return Disposition::Malformed;
    }
    // 0 means a jumbogram (RFC 2675) or segmentation offload.
    let payload = match ip.payload_length {
        0 => usize::MAX,
        length => length,
    };
    let network = Syn { version: IpVersion::V6, src: ip.src, dst: ip.dst, ttl: ip.hop_limit, ..Syn::BLANK };
    let offset = start + IPV6_HEADER;
    if ip.next_header == TCP {
        sink.tcp::<FIXED, F>(frame, Transport { network: start, offset, payload, first_fragment: false }, network)
    } else {
        match extension_headers(
            frame,
            Transport { network: start, offset, payload, first_fragment: false },
            ip.next_header,
        ) {
            Ok(transport) => sink.tcp::<ANY, F>(frame, transport, network),
            Err(disposition) => disposition,
        }
    }
}

/// Whether this is an extension header, which names its successor.
#[inline(always)]
const fn is_extension(header: u8) -> bool {
    matches!(
        header,
        HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS | MOBILITY | HOST_IDENTITY | SHIM6
    )
}

/// Follows the chain to the TCP header, or returns the disposition of another upper layer.
#[inline(always)]
fn extension_headers<F: Frame + ?Sized>(frame: &F, mut at: Transport, mut next: u8) -> Result<Transport, Disposition> {
    for _ in 0..EXTENSION_HEADERS {
        if !is_extension(next) {
            break;
        }
        let header: [u8; 4] = frame.any(at.offset).ok_or(Disposition::Malformed)?;
        let length = match next {
            // Fixed length: the second byte is reserved (RFC 8200, section 4.5).
            FRAGMENT => {
                if be16(&header, 2) & 0xfff8 != 0 {
                    return Err(Disposition::Fragment);
                }
                at.first_fragment |= header[3] & 1 != 0;
                8
            }
            // In 4-byte words, minus two (RFC 4302, section 2.2).
            AUTHENTICATION => (header[1] as usize + 2) * 4,
            // In 8-byte words, minus one (RFC 8200).
            _ => (header[1] as usize + 1) * 8,
        };
        if at.payload < length || frame.len() < at.offset + length {
            return Err(Disposition::Malformed);
        }
        if at.payload != usize::MAX {
            at.payload -= length;
        }
        next = header[0];
        at.offset += length;
    }
    match next {
        TCP => Ok(at),
        UDP => Err(Disposition::Udp),
        ICMPV6 => Err(Disposition::Icmp),
        _ => Err(Disposition::OtherIp),
    }
}
