//! The frames of a run: some thousands, made once from the seed, so that the number of sources and flows has an end, and what
//! grows without end is a leak.

use std::net::Ipv4Addr;

use honeyxdp_common::{Disposition, dissect};
use lab::{
    craft::{self, Ipv4, Ipv6, Tcp, ethernet},
    named,
    random::{Frames, Random},
};

/// A frame and what the host says of it.
pub(crate) struct Known {
    pub(crate) bytes: Vec<u8>,
    pub(crate) disposition: Disposition,
}

const IPV4: u16 = 0x0800;
const VLAN: u16 = 0x8100;
const QINQ: u16 = 0x88a8;
const ICMP: u8 = 1;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
/// The longest frame of a veth with an MTU of 1,500.
const LONGEST: usize = 1_514;
/// Ports that bots scan for.
const PORTS: [u16; 12] = [23, 23, 23, 2323, 2323, 5555, 7547, 8080, 8291, 34_567, 37_215, 60_001];

/// The frames of a seed.
pub(crate) fn frames(seed: u64) -> Vec<Known> {
    let mut random = Random::new(seed);
    let mut all: Vec<Vec<u8>> = named::frames().into_iter().map(|named| named.bytes).collect();
    all.retain(|bytes| (14..=LONGEST).contains(&bytes.len()));
    let mut wild = Frames::new(random.next());
    all.extend((0..1_500).map(|_| wild.next_frame()));
    all.extend((0..4_000).map(|_| scan(&mut random)));
    all.extend((0..600).map(|_| v6(&mut random)));
    all.extend((0..1_000).map(|_| no_syn(&mut random)));
    let known = |bytes: Vec<u8>| {
        let disposition = dissect(bytes.as_slice()).map_or_else(|other| other, |_| Disposition::Syn);
        Known { bytes, disposition }
    };
    all.into_iter().map(known).collect()
}

/// One of 1,024 sources in 10.0.0.0/22.
fn source(random: &mut Random) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 | random.word() & 0x3ff)
}

/// One of 16 addresses from 198.18.0.0 on.
fn destination(random: &mut Random) -> Ipv4Addr {
    Ipv4Addr::from(0xc612_0000 | random.word() & 0xf)
}

/// A SYN of a bot, a tool or an ordinary stack; some are in a VLAN.
fn scan(random: &mut Random) -> Vec<u8> {
    let (src, dst, port) = (source(random), destination(random), random.pick(&PORTS));
    let frame = match random.below(8) {
        0..=3 => craft::mirai(src, dst, port),
        4 => craft::hajime(src, dst, port),
        5 => craft::masscan(src, dst, port),
        _ => craft::v4(
            &Ipv4 { src, dst, id: random.half(), ..Ipv4::default() },
            &Tcp { sport: random.half(), dport: port, seq: random.word(), ..Tcp::default() },
        ),
    };
    match random.below(10) {
        0 => ethernet(&[(VLAN, 7)], IPV4, &frame[14..]),
        1 => ethernet(&[(QINQ, 20), (VLAN, 100)], IPV4, &frame[14..]),
        _ => frame,
    }
}

/// A SYN over IPv6, of 256 sources; some behind an extension header.
fn v6(random: &mut Random) -> Vec<u8> {
    let src = ((0x2001_0db8_u128 << 96) + 0x100 + u128::from(random.byte())).into();
    let tcp = Tcp { dport: random.pick(&PORTS), window: random.pick(&[1024, 64_240]), ..Tcp::default() };
    let ip = Ipv6 { src, hop_limit: random.pick(&[64, 255]), ..Ipv6::default() };
    if random.once_in(4) {
        let packet = Ipv6 { next_header: 0, ..ip }.packet(&craft::extension(craft::TCP, 0, &tcp.bytes()));
        return ethernet(&[], 0x86dd, &packet);
    }
    craft::v6(&ip, &tcp)
}

/// What is no SYN: UDP, fragments of it, ICMP, segments of connections.
fn no_syn(random: &mut Random) -> Vec<u8> {
    let (src, dst) = (source(random), destination(random));
    let ip = Ipv4 { src, dst, dont_fragment: false, ..Ipv4::default() };
    let payload = vec![0x5a; 8 + random.below(1_000)];
    let packet = match random.below(6) {
        0 | 1 => Ipv4 { protocol: UDP, ..ip }.packet(&payload),
        2 => Ipv4 { protocol: UDP, more_fragments: true, ..ip }.packet(&payload),
        3 => Ipv4 { protocol: UDP, fragment_offset: 64, ..ip }.packet(&payload),
        4 => Ipv4 { protocol: ICMP, ..ip }.packet(&payload),
        _ => ip.packet(&[Tcp { flags: craft::ACK, ..Tcp::default() }.bytes(), payload].concat()),
    };
    if random.once_in(8) {
        return ethernet(&[], 0x86dd, &Ipv6 { next_header: ICMPV6, ..Ipv6::default() }.packet(&[128; 32]));
    }
    ethernet(&[], IPV4, &packet)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_makes_the_same_frames_of_every_kind() {
        let (first, again, other) = (frames(7), frames(7), frames(8));
        let bytes = |frames: &[Known]| frames.iter().map(|known| known.bytes.clone()).collect::<Vec<_>>();
        assert_eq!(bytes(&first), bytes(&again));
        assert_ne!(bytes(&first), bytes(&other));
        let kinds: BTreeSet<Disposition> = first.iter().map(|known| known.disposition).collect();
        let all: BTreeSet<Disposition> =
            Disposition::ALL.into_iter().filter(|&kind| kind != Disposition::Filtered).collect();
        assert_eq!(kinds, all);
    }
}
