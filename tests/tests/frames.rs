//! Named frames: kernel and host must both say what the table says.

use honeyxdp::{Counts, kernel::Options};
use honeyxdp_common::{Disposition, Family, dissect, dissect::EXTENSION_HEADERS, marks};
use lab::{
    bench::Bench,
    differential::{self, Host},
    named::{self, Expected},
    random::Frames,
};

fn on_the_host(frame: &[u8]) -> Expected {
    match dissect(frame) {
        Ok(syn) => Expected::Syn(marks::primary(marks::tags(&syn)), syn.dport),
        Err(disposition) => Expected::Frame(disposition),
    }
}

/// The counts of a single frame with this answer.
fn single(expected: Expected, bytes: u64) -> impl Fn(&Counts) -> bool {
    move |counts| {
        let right = match expected {
            Expected::Syn(family, port) => counts.port(port, family) == 1 && counts.disposition(Disposition::Syn) == 1,
            Expected::Frame(disposition) => counts.disposition(disposition) == 1,
        };
        right && counts.seen() == 1 && counts.bytes() == bytes
    }
}

#[test]
fn host_and_kernel_agree_with_the_table() {
    let mut bench = Bench::new().unwrap();
    let mut before = Counts::default();
    for named in named::frames() {
        assert_eq!(on_the_host(&named.bytes), named.expected, "host: {}", named.name);
        bench.run(&named.bytes).unwrap();
        let after = bench.counts().clone();
        let delta = after.since(&before);
        let right = single(named.expected, named.bytes.len() as u64);
        assert!(right(&delta), "kernel: {} is not {:?}", named.name, named.expected);
        before = after;
    }
}

#[test]
fn every_frame_cut_at_every_length_is_counted_alike() {
    let mut bench = Bench::new().unwrap();
    let mut host = Host::new(&Options::default());
    let mut runs = 0;
    for named in named::frames() {
        for length in 14..=named.bytes.len() {
            let cut = &named.bytes[..length];
            bench.run(cut).unwrap();
            host.frame(cut);
            runs += 1;
        }
        assert!(host.agrees(&mut bench), "kernel and host differ on a cut of: {}", named.name);
    }
    assert_eq!(bench.counts().seen(), runs);
}

#[test]
fn the_table_has_every_family_and_every_disposition() {
    let frames = named::frames();
    for family in Family::ALL {
        let there = frames.iter().any(|named| matches!(named.expected, Expected::Syn(found, _) if found == *family));
        assert!(there, "no frame for {}", family.name());
    }
    for disposition in Disposition::ALL {
        // SYNs have their own arm; nothing is filtered before there are filters.
        if !matches!(disposition, Disposition::Syn | Disposition::Filtered) {
            let there = frames.iter().any(|named| named.expected == Expected::Frame(disposition));
            assert!(there, "no frame for {}", disposition.name());
        }
    }
}

#[test]
fn a_million_random_frames_are_counted_alike() {
    let seed = std::env::var("HONEYXDP_SEED").map_or(20_190_101, |seed| seed.parse().expect("a number"));
    let frames = std::env::var("HONEYXDP_FRAMES").map_or(1_000_000, |frames| frames.parse().expect("a number"));
    differential::compare(&Options::default(), seed, frames).unwrap();
}

#[test]
fn secondary_marks_are_counted_beside_the_primary_one() {
    // Mirai's sequence number in a packet with masscan's relation and window: see the named frame.
    let frame = named::frames().into_iter().find(|named| named.name == "mirai goes before masscan").unwrap();
    let mut bench = Bench::new().unwrap();
    bench.run(&frame.bytes).unwrap();
    let counts = bench.counts();
    assert_eq!((counts.family(Family::MIRAI), counts.family(Family::MASSCAN)), (1, 0));
    assert_eq!((counts.secondary(Family::MIRAI), counts.secondary(Family::MASSCAN)), (0, 1));
}

/// What another parser makes of a frame: ports and sequence number of an initial SYN, or the disposition; nothing where
/// it is stricter than honeyxdp, or reads less.
fn by_etherparse(frame: &[u8]) -> Option<Result<(u16, u16, u32), Disposition>> {
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};

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

#[test]
fn another_parser_agrees_wherever_it_has_an_answer() {
    let mut frames = Frames::new(77);
    let mut compared = [0, 0];
    for _ in 0..300_000 {
        let frame = frames.next_frame();
        if let Some(theirs) = by_etherparse(&frame) {
            let ours = dissect(frame.as_slice()).map(|syn| (syn.sport, syn.dport, syn.seq));
            assert_eq!(ours, theirs, "{frame:02x?}");
            compared[usize::from(theirs.is_ok())] += 1;
        }
    }
    assert!(compared.iter().all(|&frames| frames > 5_000), "too few were compared: {compared:?}");
}
