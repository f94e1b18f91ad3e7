//! Frames, byte by byte: valid ones, and those that no library would make.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// TCP flag SYN.
pub const SYN: u8 = 0x02;
/// TCP flag ACK.
pub const ACK: u8 = 0x10;
/// The option MSS 1460.
pub const MSS_1460: [u8; 4] = [2, 4, 0x05, 0xb4];

/// A TCP segment. The default is an ordinary SYN to port 23.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of RFC 9293")]
pub struct Tcp {
    pub sport: u16,
    pub dport: u16,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
    pub options: Vec<u8>,
    /// In words of four bytes; `None` is the right one.
    pub data_offset: Option<u8>,
}

impl Default for Tcp {
    fn default() -> Self {
        Self {
            sport: 40_000,
            dport: 23,
            seq: 0x1234_5678,
            ack: 0,
            flags: SYN,
            window: 64_240,
            options: Vec::new(),
            data_offset: None,
        }
    }
}

impl Tcp {
    /// Its bytes, without payload. The checksum is 0: nothing here looks at it.
    pub fn bytes(&self) -> Vec<u8> {
        let words = u8::try_from(5 + self.options.len() / 4).expect("options are at most 40 bytes");
        let mut bytes = Vec::with_capacity(20 + self.options.len());
        bytes.extend(self.sport.to_be_bytes());
        bytes.extend(self.dport.to_be_bytes());
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.ack.to_be_bytes());
        bytes.extend([self.data_offset.unwrap_or(words) << 4, self.flags]);
        bytes.extend(self.window.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(&self.options);
        bytes
    }
}

/// An IPv4 header. Defaults: from 198.18.0.100 to 198.18.0.1, as an ordinary Linux sends it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of RFC 791")]
pub struct Ipv4 {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub id: u16,
    pub ttl: u8,
    pub protocol: u8,
    pub dont_fragment: bool,
    pub more_fragments: bool,
    /// In units of eight bytes.
    pub fragment_offset: u16,
    pub options: Vec<u8>,
    /// `None` is the right one.
    pub total_length: Option<u16>,
    /// Version and header length; `None` is the right one.
    pub first_byte: Option<u8>,
}

impl Default for Ipv4 {
    fn default() -> Self {
        Self {
            src: Ipv4Addr::new(198, 18, 0, 100),
            dst: Ipv4Addr::new(198, 18, 0, 1),
            id: 0,
            ttl: 64,
            protocol: TCP,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            options: Vec::new(),
            total_length: None,
            first_byte: None,
        }
    }
}

impl Ipv4 {
    /// The header, with the right checksum, and `payload` behind it.
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let words = u8::try_from(header / 4).expect("options are at most 40 bytes");
        let length = u16::try_from(header + payload.len()).expect("packets are at most 65,535 bytes");
        let fragment = self.fragment_offset
            | if self.dont_fragment { 0x4000 } else { 0 }
            | if self.more_fragments { 0x2000 } else { 0 };
        let mut bytes = vec![self.first_byte.unwrap_or(0x40 | words), 0];
        bytes.extend(self.total_length.unwrap_or(length).to_be_bytes());
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([self.ttl, self.protocol, 0, 0]);
        bytes.extend(self.src.octets());
        bytes.extend(self.dst.octets());
        bytes.extend(&self.options);
        let checksum = checksum(&bytes);
        bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
        bytes.extend(payload);
        bytes
    }
}

/// RFC 1071.
fn checksum(header: &[u8]) -> u16 {
    let mut sum: u32 =
        header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("it was folded")
}

/// An IPv6 header. Defaults: from 2001:db8::100 to 2001:db8::1 with hop limit 64.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of RFC 8200")]
pub struct Ipv6 {
    pub src: Ipv6Addr,
    pub dst: Ipv6Addr,
    pub hop_limit: u8,
    pub next_header: u8,
    /// `None` is the right one.
    pub payload_length: Option<u16>,
}

impl Default for Ipv6 {
    fn default() -> Self {
        Self {
            src: "2001:db8::100".parse().expect("it is an address"),
            dst: "2001:db8::1".parse().expect("it is an address"),
            hop_limit: 64,
            next_header: TCP,
            payload_length: None,
        }
    }
}

impl Ipv6 {
    /// The header, with `payload` behind it.
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap_or(0);
        let mut bytes = vec![0x60, 0, 0, 0];
        bytes.extend(self.payload_length.unwrap_or(length).to_be_bytes());
        bytes.extend([self.next_header, self.hop_limit]);
        bytes.extend(self.src.octets());
        bytes.extend(self.dst.octets());
        bytes.extend(payload);
        bytes
    }
}

/// An IPv6 extension header of `8 * (units + 1)` bytes that leads to `next`, with `payload` behind it.
pub fn extension(next: u8, units: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 8 * (usize::from(units) + 1)];
    bytes[0] = next;
    bytes[1] = units;
    bytes.extend(payload);
    bytes
}

/// An Ethernet frame with these tags (protocol, VLAN), from the outermost on.
pub fn ethernet(tags: &[(u16, u16)], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    // Locally administered addresses.
    let mut bytes = vec![0x02, 0, 0, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0x02];
    for (protocol, vlan) in tags {
        bytes.extend(protocol.to_be_bytes());
        bytes.extend(vlan.to_be_bytes());
    }
    bytes.extend(ethertype.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// An untagged frame with a segment over IPv4.
pub fn v4(ip: &Ipv4, tcp: &Tcp) -> Vec<u8> {
    ethernet(&[], 0x0800, &ip.packet(&tcp.bytes()))
}

/// An untagged frame with a segment over IPv6.
pub fn v6(ip: &Ipv6, tcp: &Tcp) -> Vec<u8> {
    ethernet(&[], 0x86dd, &ip.packet(&tcp.bytes()))
}

/// A SYN as Mirai sends it.
pub fn mirai(src: Ipv4Addr, dst: Ipv4Addr, dport: u16) -> Vec<u8> {
    v4(
        &Ipv4 { src, dst, id: 0x5a5a, dont_fragment: false, ..Ipv4::default() },
        &Tcp { dport, seq: u32::from(dst), window: 5_840, ..Tcp::default() },
    )
}

/// A SYN as Hajime sends it.
pub fn hajime(src: Ipv4Addr, dst: Ipv4Addr, dport: u16) -> Vec<u8> {
    v4(
        &Ipv4 { src, dst, ..Ipv4::default() },
        &Tcp { dport, seq: 0x4a3b_0000, window: 14_600, options: MSS_1460.to_vec(), ..Tcp::default() },
    )
}

/// A SYN as masscan 1.3.2 sends it.
pub fn masscan(src: Ipv4Addr, dst: Ipv4Addr, dport: u16) -> Vec<u8> {
    let seq = 0x9e37_79b9;
    let [.., high, low] = (u32::from(dst) ^ u32::from(dport) ^ seq).to_be_bytes();
    v4(
        &Ipv4 { src, dst, id: u16::from_be_bytes([high, low]), ttl: 255, dont_fragment: false, ..Ipv4::default() },
        &Tcp { dport, seq, window: 1024, ..Tcp::default() },
    )
}
