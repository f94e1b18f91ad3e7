//! What another parser, the crate etherparse, makes of a frame.

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use honeyxdp_common::{Disposition, dissect::EXTENSION_HEADERS};

/// Source port, destination port and sequence number of an initial SYN, or the disposition; nothing where it is stricter than
/// honeyxdp, or reads less.
pub fn answer(frame: &[u8]) -> Option<Result<(u16, u16, u32), Disposition>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let fragmented = match packet.net.as_ref()? {
        NetSlice::Ipv4(ip) => ip.header().fragments_offset().value() != 0 || ip.header().more_fragments(),
        NetSlice::Ipv6(ip) if ip.extensions().clone().into_iter().count() > EXTENSION_HEADERS => return None,
        NetSlice::Ipv6(ip) => ip.is_payload_fragmented(),
        NetSlice::Arp(_) => return None,
    };
    // It follows a third tag, and the tag 0x9100 that is no standard.
    let prestandard = [12, 16].iter().any(|&at| frame.get(at..at + 2) == Some(&[0x91, 0x00]));
    if fragmented || prestandard || packet.vlan_ids().len() > 2 {
        return None;
    }
    match packet.transport? {
        TransportSlice::Tcp(tcp) if tcp.syn() && !tcp.ack() && !tcp.rst() && !tcp.fin() => {
            Some(Ok((tcp.source_port(), tcp.destination_port(), tcp.sequence_number())))
        }
        TransportSlice::Tcp(_) => Some(Err(Disposition::TcpOther)),
        TransportSlice::Udp(_) => Some(Err(Disposition::Udp)),
        // It takes either ICMP over either IP.
        TransportSlice::Icmpv4(_) | TransportSlice::Icmpv6(_) => None,
        TransportSlice::Igmp(_) => Some(Err(Disposition::OtherIp)),
    }
}
