use honeyxdp_common::{Disposition, IpVersion};

use super::{LinkType, dissect};

const ALL: [(u32, LinkType); 10] = [
    (0, LinkType::Null),
    (1, LinkType::Ethernet),
    (12, LinkType::Raw),
    (14, LinkType::Raw),
    (101, LinkType::Raw),
    (108, LinkType::Loop),
    (113, LinkType::Cooked),
    (228, LinkType::Ipv4),
    (229, LinkType::Ipv6),
    (276, LinkType::Cooked2),
];

/// A TCP header with the SYN flag, from port 0x1234 to port 23, sequence number 0x0a0b0c0d, window 0x3908.
const TCP: [u8; 20] = [0x12, 0x34, 0, 23, 10, 11, 12, 13, 0, 0, 0, 0, 0x50, 2, 0x39, 8, 0, 0, 0, 0];

/// An IPv4 packet from 1.2.3.4 to 10.11.12.13 with [`TCP`] in it.
fn v4() -> Vec<u8> {
    let ip = [0x45, 0, 0, 40, 0xd4, 0x31, 0, 0, 61, 6, 0, 0, 1, 2, 3, 4, 10, 11, 12, 13];
    [ip.as_slice(), &TCP].concat()
}

/// An IPv6 packet with [`TCP`] in it.
fn v6() -> Vec<u8> {
    let mut ip = [0; 40];
    ip[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, 20, 6, 62]);
    [ip.as_slice(), &TCP].concat()
}

fn ethernet(ethertype: [u8; 2]) -> Vec<u8> {
    [&[0x77; 12], ethertype.as_slice()].concat()
}

fn cooked(protocol: [u8; 2]) -> Vec<u8> {
    [&[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0], protocol.as_slice()].concat()
}

fn cooked2(protocol: [u8; 2]) -> Vec<u8> {
    [protocol.as_slice(), &[0, 0, 0, 0, 0, 7, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0]].concat()
}

/// Every link header there is, with the packet that may follow it: IPv4 or IPv6.
fn headers(version: IpVersion) -> Vec<(LinkType, Vec<u8>)> {
    let (ethertype, families, bare) = match version {
        IpVersion::V4 => ([0x08, 0x00], &[2][..], LinkType::Ipv4),
        IpVersion::V6 => ([0x86, 0xdd], &[23, 24, 28, 30][..], LinkType::Ipv6),
    };
    let mut headers = vec![
        (bare, Vec::new()),
        (LinkType::Raw, Vec::new()),
        (LinkType::Ethernet, ethernet(ethertype)),
        (LinkType::Cooked, cooked(ethertype)),
        (LinkType::Cooked2, cooked2(ethertype)),
    ];
    for &family in families {
        headers.push((LinkType::Null, vec![family, 0, 0, 0]));
        headers.push((LinkType::Null, vec![0, 0, 0, family]));
        headers.push((LinkType::Loop, vec![0, 0, 0, family]));
    }
    headers
}

#[test]
fn numbers() {
    for number in 0..=0x1_0000 {
        let expected = ALL.iter().find(|(known, _)| *known == number).map(|&(_, link)| link);
        assert_eq!(LinkType::from_number(number), expected, "{number}");
    }
}

#[test]
fn a_syn_behind_every_link_header() {
    for (link, header) in headers(IpVersion::V4) {
        let syn = dissect(link, &[header, v4()].concat()).unwrap_or_else(|why| panic!("{link:?}: {why:?}"));
        assert_eq!((syn.version, syn.src.v4(), syn.dst.v4()), (IpVersion::V4, 0x0102_0304, 0x0a0b_0c0d), "{link:?}");
        assert_eq!((syn.ip_id, syn.ttl, syn.sport, syn.dport), (0xd431, 61, 0x1234, 23), "{link:?}");
    }
    for (link, header) in headers(IpVersion::V6) {
        let syn = dissect(link, &[header, v6()].concat()).unwrap_or_else(|why| panic!("{link:?}: {why:?}"));
        let [src, dst] = [syn.src, syn.dst].map(|address| address.v6().to_be_bytes());
        assert_eq!(syn.version, IpVersion::V6, "{link:?}");
        assert_eq!((&src[..], &dst[..]), (&v6()[8..24], &v6()[24..40]), "{link:?}");
        assert_eq!((syn.ttl, syn.sport, syn.seq, syn.window), (62, 0x1234, 0x0a0b_0c0d, 0x3908), "{link:?}");
    }
}

#[test]
fn a_packet_that_ends_anywhere_before_its_tcp_header_does_is_malformed() {
    for (version, packet) in [(IpVersion::V4, v4()), (IpVersion::V6, v6())] {
        for (link, header) in headers(version) {
            let whole = [header, packet.clone()].concat();
            for length in 0..whole.len() {
                assert_eq!(dissect(link, &whole[..length]), Err(Disposition::Malformed), "{link:?}, {length} bytes");
            }
        }
    }
}

#[test]
fn up_to_two_tags_are_followed() {
    const OUTER: [u8; 2] = [0x88, 0xa8];
    const INNER: [u8; 2] = [0x81, 0x00];
    const IPV4: [u8; 2] = [0x08, 0x00];
    type Header = fn([u8; 2]) -> Vec<u8>;
    for (link, header) in
        [(LinkType::Ethernet, ethernet as Header), (LinkType::Cooked, cooked), (LinkType::Cooked2, cooked2)]
    {
        let matched = |protocols: &[[u8; 2]]| {
            let tags = protocols[1..].iter().flat_map(|&[high, low]| [0x20, 0x05, high, low]);
            header(protocols[0]).into_iter().chain(tags).collect::<Vec<_>>()
        };
        let dport = |bytes: &[u8]| dissect(link, bytes).map(|syn| syn.dport);
        for protocols in [&[IPV4][..], &[INNER, IPV4], &[OUTER, IPV4], &[OUTER, INNER, IPV4], &[INNER, INNER, IPV4]] {
            assert_eq!(dport(&[matched(protocols), v4()].concat()), Ok(23), "{link:?} {protocols:x?}");
        }
        let three = [matched(&[OUTER, INNER, INNER, IPV4]), v4()].concat();
        assert_eq!(dport(&three), Err(Disposition::NonIp), "{link:?}");

        let two = [matched(&[OUTER, INNER, IPV4]), v4()].concat();
        for length in 0..two.len() {
            assert_eq!(dport(&two[..length]), Err(Disposition::Malformed), "{link:?}, {length} bytes");
        }
    }
}

#[test]
fn what_is_not_ip() {
    for ethertype in [[0x08, 0x06], [0x88, 0xcc], [0, 1], [0, 4], [0x00, 0x08]] {
        for (link, header) in [
            (LinkType::Ethernet, ethernet(ethertype)),
            (LinkType::Cooked, cooked(ethertype)),
            (LinkType::Cooked2, cooked2(ethertype)),
        ] {
            assert_eq!(dissect(link, &[header, v4()].concat()), Err(Disposition::NonIp), "{link:?} {ethertype:?}");
        }
    }
    // The header is whole and says what follows, even when nothing does.
    assert_eq!(dissect(LinkType::Cooked, &cooked([0x08, 0x06])), Err(Disposition::NonIp));
    assert_eq!(dissect(LinkType::Cooked2, &cooked2([0x08, 0x06])), Err(Disposition::NonIp));
    for length in 0..20 {
        assert_eq!(dissect(LinkType::Cooked2, &cooked2([0x08, 0x06])[..length]), Err(Disposition::Malformed));
    }
    for (link, header) in [
        (LinkType::Null, [7, 0, 0, 0]),
        (LinkType::Null, [0, 0, 0, 7]),
        (LinkType::Null, [0, 2, 0, 0]),
        (LinkType::Null, [0; 4]),
        (LinkType::Loop, [2, 0, 0, 0]),
    ] {
        assert_eq!(dissect(link, &[&header, v4().as_slice()].concat()), Err(Disposition::NonIp), "{link:?}");
    }
}

#[test]
fn a_version_that_does_not_fit() {
    assert_eq!(dissect(LinkType::Ipv4, &v6()), Err(Disposition::Malformed));
    assert_eq!(dissect(LinkType::Ipv6, &v4()), Err(Disposition::Malformed));
    for first in [0x05, 0x35, 0x55, 0x75, 0xf5] {
        let mut packet = v4();
        packet[0] = first;
        assert_eq!(dissect(LinkType::Raw, &packet), Err(Disposition::Malformed), "{first:#x}");
    }
}
