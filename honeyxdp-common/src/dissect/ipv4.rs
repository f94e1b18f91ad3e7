//! IPv4, with options and fragments.

use super::{
    Frame, Sink, TCP, UDP, be16, be32,
    tcp::{ANY, FIXED, Transport},
};
use crate::{Address, Disposition, IpVersion, Syn};

const IPV4_HEADER: usize = 20;

/// Protocol number (IANA).
const ICMP: u8 = 1;

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
pub(super) fn packet<F: Frame + ?Sized>(frame: &F, offset: usize, sink: impl Sink) -> Disposition {
    match header(frame, offset) {
        // Separate calls, so that the offset is constant without IP options.
        Ok((network, at)) if at.offset == offset + IPV4_HEADER => {
            sink.tcp::<FIXED, F>(frame, Transport { offset: offset + IPV4_HEADER, ..at }, network)
        }
        Ok((network, at)) => sink.tcp::<ANY, F>(frame, at, network),
        Err(disposition) => disposition,
    }
}

/// Fields of the IP header, and the location of the TCP header.
#[inline(always)]
fn header<F: Frame + ?Sized>(frame: &F, offset: usize) -> Result<(Syn, Transport), Disposition> {
    let ip = Ipv4::parse(frame.fixed(offset).ok_or(Disposition::Malformed)?);
    let header = ip.header_length;
    if ip.version != 4 || header < IPV4_HEADER || frame.len() < offset + header {
        return Err(Disposition::Malformed);
    }
    // Segmentation offload delivers packets longer than the 16-bit field can express, with length 0.
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
        src: Address::from_v4(ip.src),
        dst: Address::from_v4(ip.dst),
        ip_id: ip.id,
        dont_fragment: ip.fragment & Ipv4::DONT_FRAGMENT != 0,
        ttl: ip.ttl,
        ..Syn::BLANK
    };
    let first_fragment = ip.fragment & Ipv4::MORE_FRAGMENTS != 0;
    Ok((network, Transport { network: offset, offset: offset + header, payload, first_fragment }))
}
