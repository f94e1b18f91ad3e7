//! Frames with a name and an expectation, as data: the fixtures that kernel and host must agree on.

use std::net::Ipv4Addr;

use honeyxdp_common::{Disposition, Family};

use crate::craft::{ACK, Ipv4, Ipv6, MSS_1460, SYN, Tcp, ethernet, extension, hajime, masscan, mirai, v4, v6};

/// What a frame must be counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A SYN of this family to this port.
    Syn(Family, u16),
    /// No SYN.
    Frame(Disposition),
}

/// A frame, what it shows, and what it must be counted as.
#[derive(Clone, Debug)]
pub struct Named {
    /// Shown when a test fails.
    pub name: &'static str,
    /// From the Ethernet header on.
    pub bytes: Vec<u8>,
    /// The one right answer.
    pub expected: Expected,
}

const FIN: u8 = 0x01;
const RST: u8 = 0x04;
const ECE_CWR: u8 = 0xc0;
const VLAN: u16 = 0x8100;
const QINQ: u16 = 0x88a8;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const UDP: u8 = 17;
const ZMAP4_OPTIONS: [u8; 12] = [2, 4, 0x05, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];
/// MSS, SACK permitted, timestamps, no-op, window scale: what Linux sends.
const LINUX_OPTIONS: [u8; 20] = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];

/// All of them.
pub fn frames() -> Vec<Named> {
    let mut frames = links();
    frames.extend(ipv4());
    frames.extend(ipv6());
    frames.extend(tcp());
    frames.extend(marks());
    frames
}

fn syn(name: &'static str, bytes: Vec<u8>, family: Family, dport: u16) -> Named {
    Named { name, bytes, expected: Expected::Syn(family, dport) }
}

fn frame(name: &'static str, bytes: Vec<u8>, disposition: Disposition) -> Named {
    Named { name, bytes, expected: Expected::Frame(disposition) }
}

fn segment() -> Vec<u8> {
    Tcp::default().bytes()
}

/// Ethernet and tags.
fn links() -> Vec<Named> {
    let packet = Ipv4::default().packet(&segment());
    let packet_v6 = Ipv6::default().packet(&segment());
    vec![
        syn("Ethernet", ethernet(&[], IPV4, &packet), Family::OTHER, 23),
        syn("802.1Q", ethernet(&[(VLAN, 100)], IPV4, &packet), Family::OTHER, 23),
        syn("802.1Q with priority", ethernet(&[(VLAN, 0xe064)], IPV4, &packet), Family::OTHER, 23),
        syn("802.1ad over 802.1Q", ethernet(&[(QINQ, 20), (VLAN, 100)], IPV4, &packet), Family::OTHER, 23),
        syn("802.1Q twice", ethernet(&[(VLAN, 20), (VLAN, 100)], IPV4, &packet), Family::OTHER, 23),
        syn("802.1Q, IPv6", ethernet(&[(VLAN, 100)], IPV6, &packet_v6), Family::OTHER, 23),
        syn("802.1ad over 802.1Q, IPv6", ethernet(&[(QINQ, 20), (VLAN, 100)], IPV6, &packet_v6), Family::OTHER, 23),
        frame("three tags", ethernet(&[(QINQ, 1), (VLAN, 2), (VLAN, 3)], IPV4, &packet), Disposition::NonIp),
        frame("ARP", ethernet(&[], 0x0806, &[0; 46]), Disposition::NonIp),
        frame("ARP in a VLAN", ethernet(&[(VLAN, 100)], 0x0806, &[0; 46]), Disposition::NonIp),
        frame("IEEE 802.3 length", ethernet(&[], 38, &[0; 46]), Disposition::NonIp),
        frame("MPLS", ethernet(&[], 0x8847, &packet), Disposition::NonIp),
        frame("a tag and nothing behind it", ethernet(&[], VLAN, &[0, 1]), Disposition::Malformed),
        frame("a second tag cut short", ethernet(&[(QINQ, 1)], VLAN, &[0]), Disposition::Malformed),
        frame("no IPv4 header at all", ethernet(&[], IPV4, &[]), Disposition::Malformed),
        frame("no IPv6 header at all", ethernet(&[], IPV6, &[]), Disposition::Malformed),
    ]
}

fn ipv4() -> Vec<Named> {
    let ip = Ipv4::default;
    let framed = |ip: Ipv4, payload: &[u8]| ethernet(&[], IPV4, &ip.packet(payload));
    let padded = |mut frame: Vec<u8>| {
        frame.resize(60, 0);
        frame
    };
    vec![
        syn("IPv4 options", framed(Ipv4 { options: vec![1; 4], ..ip() }, &segment()), Family::OTHER, 23),
        syn("most IPv4 options", framed(Ipv4 { options: vec![1; 40], ..ip() }, &segment()), Family::OTHER, 23),
        syn(
            "IPv4 options behind two tags",
            ethernet(&[(QINQ, 1), (VLAN, 2)], IPV4, &Ipv4 { options: vec![1; 12], ..ip() }.packet(&segment())),
            Family::OTHER,
            23,
        ),
        syn("padding of a short frame", padded(framed(ip(), &segment())), Family::OTHER, 23),
        syn(
            "total length 0 (segmentation offload)",
            framed(Ipv4 { total_length: Some(0), ..ip() }, &segment()),
            Family::OTHER,
            23,
        ),
        syn(
            "total length beyond the frame",
            framed(Ipv4 { total_length: Some(1_500), ..ip() }, &segment()),
            Family::OTHER,
            23,
        ),
        syn(
            "first fragment with the TCP header",
            framed(Ipv4 { more_fragments: true, dont_fragment: false, ..ip() }, &segment()),
            Family::OTHER,
            23,
        ),
        syn("payload in the SYN", framed(ip(), &[segment(), vec![0xaa; 400]].concat()), Family::OTHER, 23),
        syn("jumbo frame", framed(ip(), &[segment(), vec![0xaa; 8_900]].concat()), Family::OTHER, 23),
        frame(
            "total length shorter than the header",
            framed(Ipv4 { total_length: Some(19), ..ip() }, &segment()),
            Disposition::Malformed,
        ),
        frame(
            "total length that ends inside TCP",
            framed(Ipv4 { total_length: Some(39), ..ip() }, &segment()),
            Disposition::Malformed,
        ),
        frame("version 5", framed(Ipv4 { first_byte: Some(0x55), ..ip() }, &segment()), Disposition::Malformed),
        frame(
            "version 6 under EtherType IPv4",
            framed(Ipv4 { first_byte: Some(0x65), ..ip() }, &segment()),
            Disposition::Malformed,
        ),
        frame("header length 4", framed(Ipv4 { first_byte: Some(0x44), ..ip() }, &segment()), Disposition::Malformed),
        frame(
            "header longer than the frame",
            framed(Ipv4 { first_byte: Some(0x4f), ..ip() }, &[]),
            Disposition::Malformed,
        ),
        frame("later fragment", framed(Ipv4 { fragment_offset: 185, ..ip() }, &segment()), Disposition::Fragment),
        frame(
            "fragment with the smallest offset",
            framed(Ipv4 { fragment_offset: 1, more_fragments: true, ..ip() }, &segment()),
            Disposition::Fragment,
        ),
        frame(
            "first fragment too short for TCP (RFC 1858)",
            framed(Ipv4 { more_fragments: true, ..ip() }, &segment()[..8]),
            Disposition::Fragment,
        ),
        frame("UDP", framed(Ipv4 { protocol: UDP, ..ip() }, &[0; 8]), Disposition::Udp),
        frame(
            "fragment of UDP",
            framed(Ipv4 { protocol: UDP, fragment_offset: 10, ..ip() }, &[0; 64]),
            Disposition::Fragment,
        ),
        frame("ICMP", framed(Ipv4 { protocol: 1, ..ip() }, &[8, 0, 0, 0]), Disposition::Icmp),
        frame("ICMPv6 over IPv4", framed(Ipv4 { protocol: 58, ..ip() }, &[0; 8]), Disposition::OtherIp),
        frame("GRE", framed(Ipv4 { protocol: 47, ..ip() }, &[0; 24]), Disposition::OtherIp),
        frame("TCP with nothing behind the IP header", framed(ip(), &[]), Disposition::Malformed),
        frame("TCP one byte short", framed(ip(), &segment()[..19]), Disposition::Malformed),
    ]
}

fn ipv6() -> Vec<Named> {
    let ip = Ipv6::default;
    let behind = |next_header: u8, payload: &[u8]| ethernet(&[], IPV6, &Ipv6 { next_header, ..ip() }.packet(payload));
    let chain = |kinds: &[u8]| {
        let mut next = 6;
        let mut payload = segment();
        for &kind in kinds.iter().rev() {
            payload = extension(next, 0, &payload);
            next = kind;
        }
        behind(next, &payload)
    };
    let fragment = |flags: [u8; 2], payload: &[u8]| {
        let mut header = extension(6, 0, payload);
        header[2..4].copy_from_slice(&flags);
        behind(44, &header)
    };
    let authentication = [vec![6, 4, 0, 0], vec![0; 20], segment()].concat();
    let far = extension(60, 255, &extension(60, 255, &extension(6, 255, &segment())));
    vec![
        syn("IPv6", v6(&ip(), &Tcp::default()), Family::OTHER, 23),
        syn("hop-by-hop", chain(&[0]), Family::OTHER, 23),
        syn("six extension headers", chain(&[0, 60, 43, 135, 139, 140]), Family::OTHER, 23),
        syn("authentication header", behind(51, &authentication), Family::OTHER, 23),
        syn("long destination options", behind(60, &extension(6, 31, &segment())), Family::OTHER, 23),
        syn("TCP beyond the first buffer of a jumbo frame", behind(60, &far), Family::OTHER, 23),
        syn("first fragment with the TCP header, IPv6", fragment([0, 1], &segment()), Family::OTHER, 23),
        syn("atomic fragment (RFC 6946)", fragment([0, 0], &segment()), Family::OTHER, 23),
        syn(
            "payload length 0 (jumbogram)",
            ethernet(&[], IPV6, &Ipv6 { payload_length: Some(0), ..ip() }.packet(&segment())),
            Family::OTHER,
            23,
        ),
        frame("seven extension headers", chain(&[0, 60, 43, 135, 139, 140, 60]), Disposition::OtherIp),
        frame("later fragment, IPv6", fragment([0, 8], &segment()), Disposition::Fragment),
        frame("first fragment too short for TCP, IPv6", fragment([0, 1], &segment()[..8]), Disposition::Fragment),
        frame("extension header beyond the payload", behind(0, &[6, 200, 0, 0, 0, 0, 0, 0]), Disposition::Malformed),
        frame("extension header cut short", behind(0, &[6, 0]), Disposition::Malformed),
        frame(
            "payload length that ends inside TCP, IPv6",
            ethernet(&[], IPV6, &Ipv6 { payload_length: Some(12), ..ip() }.packet(&segment())),
            Disposition::Malformed,
        ),
        frame(
            "version 4 under EtherType IPv6",
            ethernet(&[], IPV6, &Ipv4::default().packet(&[0; 40])),
            Disposition::Malformed,
        ),
        frame("IPv6 header cut short", ethernet(&[], IPV6, &ip().packet(&[])[..39]), Disposition::Malformed),
        frame("UDP, IPv6", behind(UDP, &[0; 8]), Disposition::Udp),
        frame("ICMPv6", behind(58, &[128, 0, 0, 0]), Disposition::Icmp),
        frame("ICMPv6 behind hop-by-hop", behind(0, &extension(58, 0, &[143, 0, 0, 0])), Disposition::Icmp),
        frame("ICMP over IPv6", behind(1, &[8, 0, 0, 0]), Disposition::OtherIp),
        frame("no next header", behind(59, &[]), Disposition::OtherIp),
        frame("ESP", behind(50, &[0; 40]), Disposition::OtherIp),
    ]
}

/// Flags, and headers that lie.
fn tcp() -> Vec<Named> {
    let flags = |flags| v4(&Ipv4::default(), &Tcp { flags, ..Tcp::default() });
    let offset = |data_offset| v4(&Ipv4::default(), &Tcp { data_offset: Some(data_offset), ..Tcp::default() });
    vec![
        syn("SYN with ECE and CWR", flags(SYN | ECE_CWR), Family::OTHER, 23),
        frame("SYN-ACK", flags(SYN | ACK), Disposition::TcpOther),
        frame("SYN-FIN", flags(SYN | FIN), Disposition::TcpOther),
        frame("SYN-RST", flags(SYN | RST), Disposition::TcpOther),
        frame("ACK", flags(ACK), Disposition::TcpOther),
        frame("no flags", flags(0), Disposition::TcpOther),
        frame("all flags", flags(0xff), Disposition::TcpOther),
        syn("data offset 0", offset(0), Family::OTHER, 23),
        syn("data offset 4", offset(4), Family::OTHER, 23),
        syn("data offset 15 in a packet without options", offset(15), Family::OTHER, 23),
        syn("port 0", v4(&Ipv4::default(), &Tcp { dport: 0, ..Tcp::default() }), Family::OTHER, 0),
        syn("port 65535", v4(&Ipv4::default(), &Tcp { dport: 65_535, ..Tcp::default() }), Family::OTHER, 65_535),
    ]
}

/// One or more per family, and what only looks like it.
fn marks() -> Vec<Named> {
    let (src, dst) = (Ipv4Addr::new(198, 18, 0, 100), Ipv4Addr::new(198, 18, 0, 1));
    let raw = Ipv4 { dont_fragment: false, ..Ipv4::default() };
    let doff6 = |dst: Ipv4Addr| {
        v4(&Ipv4 { dst, ..raw.clone() }, &Tcp { seq: u32::from(dst), data_offset: Some(6), ..Tcp::default() })
    };
    let zmap = |ip: Ipv4, options: &[u8]| {
        v4(&Ipv4 { id: 54_321, ttl: 255, ..ip }, &Tcp { window: 65_535, options: options.to_vec(), ..Tcp::default() })
    };
    let nmap = |ip: Ipv4, window| v4(&ip, &Tcp { window, options: MSS_1460.to_vec(), ..Tcp::default() });
    let nmap6 = |hop_limit| {
        v6(&Ipv6 { hop_limit, ..Ipv6::default() }, &Tcp { window: 1024, options: MSS_1460.to_vec(), ..Tcp::default() })
    };
    let hajime_seq = |seq| v4(&Ipv4::default(), &Tcp { seq, window: 14_600, ..Tcp::default() });
    let linux =
        |window, seq| v4(&Ipv4::default(), &Tcp { window, seq, options: LINUX_OPTIONS.to_vec(), ..Tcp::default() });
    let unicornscan =
        |ttl| v4(&Ipv4 { ttl, ..raw.clone() }, &Tcp { window: 4128, options: vec![2, 4, 2, 0x18], ..Tcp::default() });
    let zmap4 = |ip: Ipv4| v4(&ip, &Tcp { window: 65_535, options: ZMAP4_OPTIONS.to_vec(), ..Tcp::default() });
    let masscan_with = |window, ttl| {
        let seq: u32 = 0x0102_0304;
        let [.., high, low] = (u32::from(dst) ^ 80 ^ seq).to_be_bytes();
        let id = u16::from_be_bytes([high, low]);
        v4(&Ipv4 { dst, id, ttl, ..raw.clone() }, &Tcp { dport: 80, seq, window, ..Tcp::default() })
    };
    let sport6000 = |sport| {
        v4(
            &Ipv4 { id: 256, ..raw.clone() },
            &Tcp { sport, seq: 0x1bad_0000, window: 16_384, dport: 1433, ..Tcp::default() },
        )
    };
    let naabu = |dont_fragment, seq| {
        v4(
            &Ipv4 { dont_fragment, ..Ipv4::default() },
            &Tcp { seq, window: 1024, options: MSS_1460.to_vec(), ..Tcp::default() },
        )
    };
    vec![
        syn("mirai", mirai(src, dst, 23), Family::MIRAI, 23),
        // The published vector: 62.210.75.75 and sequence number 1053969227.
        syn("mirai on any port", mirai(src, Ipv4Addr::from(1_053_969_227), 37_215), Family::MIRAI, 37_215),
        syn("mirai that claims options it does not have", doff6(dst), Family::MIRAI, 23),
        syn("mirai in a VLAN", ethernet(&[(VLAN, 7)], IPV4, &mirai(src, dst, 2323)[14..]), Family::MIRAI, 2323),
        syn(
            "mirai goes before masscan",
            v4(&Ipv4 { dst, id: 23, ..raw.clone() }, &Tcp { seq: u32::from(dst), window: 1024, ..Tcp::default() }),
            Family::MIRAI,
            23,
        ),
        syn(
            "sequence number one off the address",
            v4(&Ipv4 { dst, ..raw.clone() }, &Tcp { seq: u32::from(dst) + 1, ..Tcp::default() }),
            Family::OTHER,
            23,
        ),
        syn("hajime, lower half zero", hajime(src, dst, 5358), Family::HAJIME, 5358),
        syn("hajime, upper half zero", hajime_seq(0x0000_4a3b), Family::HAJIME, 23),
        syn("window 14600 and sequence number 0", hajime_seq(0), Family::OTHER, 23),
        syn("window 14600 of an ordinary Linux 3.x", linux(14_600, 0x8a3f_11c7), Family::OTHER, 23),
        syn("a zero half without the window", linux(64_240, 0x4a3b_0000), Family::OTHER, 23),
        syn("an ordinary Linux", linux(64_240, 0x8a3f_11c7), Family::OTHER, 23),
        syn("zmap 2", zmap(raw.clone(), &[]), Family::ZMAP, 23),
        syn("zmap 3", zmap(raw.clone(), &MSS_1460), Family::ZMAP, 23),
        syn("zmap's id with DF", zmap(Ipv4::default(), &[]), Family::OTHER, 23),
        syn("zmap 4.1", zmap4(raw.clone()), Family::ZMAP4, 23),
        syn("Windows, with DF", zmap4(Ipv4::default()), Family::OTHER, 23),
        syn("masscan 1.3.2", masscan(src, dst, 443), Family::MASSCAN, 443),
        syn("masscan before 1.0.3, window 0", masscan_with(0, 64), Family::MASSCAN, 80),
        syn("masscan with its own window", masscan_with(29_200, 240), Family::MASSCAN, 80),
        syn("masscan's relation by chance", masscan_with(29_200, 64), Family::OTHER, 80),
        syn(
            "masscan over IPv6",
            v6(&Ipv6 { hop_limit: 255, ..Ipv6::default() }, &Tcp { window: 1024, ..Tcp::default() }),
            Family::MASSCAN,
            23,
        ),
        syn(
            "masscan's window over IPv6 with a low hop limit",
            v6(&Ipv6::default(), &Tcp { window: 1024, ..Tcp::default() }),
            Family::OTHER,
            23,
        ),
        syn("nmap", nmap(Ipv4 { ttl: 51, ..raw.clone() }, 1024), Family::NMAP, 23),
        syn("nmap, window 4096", nmap(raw.clone(), 4096), Family::NMAP, 23),
        syn("nmap's option with window 5120", nmap(raw.clone(), 5120), Family::OTHER, 23),
        syn("nmap's option with window 0", nmap(raw.clone(), 0), Family::OTHER, 23),
        syn("nmap's fields with a high ttl", nmap(Ipv4 { ttl: 255, ..raw.clone() }, 1024), Family::OTHER, 23),
        syn("nmap -6", nmap6(255), Family::NMAP, 23),
        syn("unicornscan", unicornscan(251), Family::UNICORNSCAN, 23),
        syn("a Cisco router nearby", unicornscan(64), Family::OTHER, 23),
        syn("naabu", naabu(true, 41), Family::NAABU, 23),
        syn("naabu's fields with a random sequence number", naabu(true, 0x8a3f_11c7), Family::OTHER, 23),
        syn("naabu's fields without DF are nmap's", naabu(false, 41), Family::NMAP, 23),
        syn("hping3", v4(&raw, &Tcp { ack: 0x0102_0304, window: 512, ..Tcp::default() }), Family::HPING3, 23),
        syn(
            "window 512 without an acknowledgment number",
            v4(&raw, &Tcp { window: 512, ..Tcp::default() }),
            Family::OTHER,
            23,
        ),
        syn("sport6000", sport6000(6000), Family::SPORT6000, 1433),
        syn("sport6000's fields from another port", sport6000(6001), Family::OTHER, 1433),
    ]
}
