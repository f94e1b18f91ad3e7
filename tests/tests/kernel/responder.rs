//! The responder and the capture of first payloads, frame by frame through the kernel.

use std::{
    env,
    net::{Ipv4Addr, Ipv6Addr},
    time::Instant,
};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use honeyxdp::{
    filter::PrefixSet,
    kernel::Options,
    payloads::{Rate, Responder},
};
use honeyxdp_common::responder::{Event, PAYLOAD, Payload, Stage};
use lab::{
    bench::{Bench, XDP_DROP, XDP_PASS, XDP_TX},
    craft::{self, ACK, Ipv4, Ipv6, SYN, Tcp, ethernet},
    random::Random,
};

const FIN: u8 = 0x01;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const DARK_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 7, 9);
const OWN_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 1);
const DARK_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xdead, 0, 0, 0, 0, 9);
const ISN: u32 = 0xffff_fff0;

fn settings() -> Responder {
    Responder {
        answered: "23,80,37215".parse().unwrap(),
        prompted: "23".parse().unwrap(),
        respond_to: PrefixSet::parse(["198.19.0.0/16", "2001:db8:dead::/48"]).unwrap(),
        own: [OWN_V4.into(), "2001:db8:dead::1".parse().unwrap()].into(),
        answers: Rate { of_source: 1_000, of_all: 1_000_000 },
        payloads: Rate { of_source: 1_000, of_all: 1_000_000 },
        ..Responder::default()
    }
}

fn bench(responder: Responder) -> Bench {
    Bench::with(&Options { responder, ..Options::default() }).unwrap()
}

/// One side of a connection, over one kind of frame.
#[derive(Clone)]
struct Client {
    is_v4: bool,
    matched: Vec<(u16, u16)>,
    sport: u16,
    dport: u16,
    v4: Ipv4,
    v6: Ipv6,
}

/// An answer, read by another parser, with right checksums.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    flags: u8,
    seq: u32,
    ack: u32,
    window: u16,
    options: Vec<u8>,
    text: Vec<u8>,
    /// Bytes of the frame.
    length: usize,
}

impl Client {
    fn new(is_v4: bool, matched: &[(u16, u16)], dport: u16) -> Self {
        Self {
            is_v4,
            matched: matched.to_vec(),
            sport: 40_000,
            dport,
            v4: Ipv4 { dst: DARK_V4, ..Ipv4::default() },
            v6: Ipv6 { dst: DARK_V6, ..Ipv6::default() },
        }
    }

    fn frame(&self, flags: u8, seq: u32, ack: u32, options: &[u8], data: &[u8]) -> Vec<u8> {
        let tcp =
            Tcp { sport: self.sport, dport: self.dport, seq, ack, flags, options: options.to_vec(), ..Tcp::default() };
        let segment = [tcp.bytes(), data.to_vec()].concat();
        if self.is_v4 {
            ethernet(&self.matched, 0x0800, &self.v4.packet(&segment))
        } else {
            ethernet(&self.matched, 0x86dd, &self.v6.packet(&segment))
        }
    }

    fn syn(&self) -> Vec<u8> {
        self.frame(SYN, ISN, 0, &craft::MSS_1460, &[])
    }

    /// What comes back for a frame, if anything.
    fn send(&self, bench: &mut Bench, frame: &[u8]) -> Result<Answer, u32> {
        let (verdict, out) = bench.answer(frame).unwrap();
        if verdict != XDP_TX {
            assert_eq!(out, frame, "what is not answered is not changed");
            return Err(verdict);
        }
        assert_eq!(out[..6], frame[6..12], "to who sent it");
        assert_eq!(out[6..12], frame[..6]);
        let matched = 4 * self.matched.len();
        assert_eq!(out[12..14 + matched], frame[12..14 + matched]);
        let packet = SlicedPacket::from_ethernet(&out).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("{packet:?}") };
        let checksum = match packet.net.unwrap() {
            NetSlice::Ipv4(ip) => {
                let header = ip.header();
                assert_eq!((header.source_addr(), header.destination_addr()), (self.v4.dst, self.v4.src));
                assert_eq!((header.ttl(), header.dont_fragment()), (64, true));
                assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
                tcp.calc_checksum_ipv4(header.source(), header.destination()).unwrap()
            }
            NetSlice::Ipv6(ip) => {
                let header = ip.header();
                assert_eq!((header.source_addr(), header.destination_addr()), (self.v6.dst, self.v6.src));
                assert_eq!(header.hop_limit(), 64);
                tcp.calc_checksum_ipv6(header.source(), header.destination()).unwrap()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(tcp.checksum(), checksum);
        assert_eq!((tcp.source_port(), tcp.destination_port()), (self.dport, self.sport));
        let bit = |is: bool, flag: u8| if is { flag } else { 0 };
        Ok(Answer {
            flags: bit(tcp.syn(), SYN)
                | bit(tcp.ack(), ACK)
                | bit(tcp.rst(), RST)
                | bit(tcp.psh(), PSH)
                | bit(tcp.fin(), FIN),
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            window: tcp.window_size(),
            options: tcp.options().to_vec(),
            text: tcp.payload().to_vec(),
            length: out.len(),
        })
    }

    /// Shakes hands. Returns the numbers of the next segment.
    fn connect(&self, bench: &mut Bench) -> (u32, u32) {
        let answer = self.send(bench, &self.syn()).unwrap();
        (ISN.wrapping_add(1), answer.seq.wrapping_add(1))
    }
}

fn payloads(bench: &mut Bench) -> Vec<(Stage, Vec<u8>)> {
    let mut payloads = Vec::new();
    bench.maps().payloads(|payload: &Payload| payloads.push((payload.stage(), payload.data().to_vec())));
    payloads
}

fn events(bench: &mut Bench) -> Vec<(Event, u64)> {
    let events = bench.maps().events();
    Event::ALL.into_iter().map(|event| (event, events.of(event))).filter(|(_, count)| *count > 0).collect()
}

fn kinds() -> impl Iterator<Item = (bool, Vec<(u16, u16)>)> {
    let matched = [vec![], vec![(0x8100, 5)], vec![(0x88a8, 7), (0x8100, 5)]];
    [true, false].into_iter().flat_map(move |is_v4| matched.clone().map(|matched| (is_v4, matched)))
}

#[test]
fn a_knock_at_a_dark_address_becomes_a_payload() {
    for (is_v4, matched) in kinds() {
        let mut bench = bench(settings());
        let client = Client::new(is_v4, &matched, 37_215);
        let syn = client.syn();
        let answer = client.send(&mut bench, &syn).unwrap();
        assert_eq!((answer.flags, answer.ack, answer.window), (SYN | ACK, ISN.wrapping_add(1), u16::MAX));
        assert_eq!(answer.options, if is_v4 { [2, 4, 5, 0xb4] } else { [2, 4, 5, 0xa0] });
        assert!(answer.length <= syn.len());
        let (seq, ack) = (ISN.wrapping_add(1), answer.seq.wrapping_add(1));
        assert_eq!(client.send(&mut bench, &client.frame(ACK, seq, ack, &[], &[])), Err(XDP_DROP));
        let data = b"POST /ctrlt/DeviceUpgrade_1 HTTP/1.1\r\n\r\n";
        let request = client.frame(ACK | PSH, seq, ack, &[], data);
        let end = client.send(&mut bench, &request).unwrap();
        let taken = seq.wrapping_add(u32::try_from(data.len()).unwrap());
        assert_eq!((end.flags, end.seq, end.ack, end.text.len()), (RST | ACK, ack, taken, 0));
        assert!(end.length <= request.len());
        assert_eq!(payloads(&mut bench), [(Stage::Answered, data.to_vec())]);
        let expected = [Event::Answered, Event::Accepted, Event::Captured, Event::Ended].map(|event| (event, 1));
        assert_eq!(events(&mut bench), expected);
        // What comes behind the first one is not the first one.
        assert_eq!(client.send(&mut bench, &client.frame(ACK, taken, ack, &[], data)), Err(XDP_PASS));
        assert_eq!(payloads(&mut bench), []);
        let counts = bench.counts();
        assert_eq!((counts.seen(), counts.syns()), (4, 1), "every frame is counted as ever");
    }
}

#[test]
fn a_segment_that_answers_nothing_of_ours_is_left_alone() {
    let mut bench = bench(settings());
    let client = Client::new(true, &[], 80);
    let (seq, ack) = client.connect(&mut bench);
    let wrong = [
        client.frame(ACK, seq, ack.wrapping_add(1), &[], b"GET / HTTP/1.1\r\n\r\n"),
        client.frame(ACK, seq.wrapping_add(1), ack, &[], b"GET / HTTP/1.1\r\n\r\n"),
        client.frame(ACK, 0, 0, &[], &[]),
        Client { sport: 40_001, ..client.clone() }.frame(ACK, seq, ack, &[], b"x"),
        Client { v4: Ipv4 { src: [198, 18, 0, 101].into(), ..client.v4.clone() }, ..client.clone() }.frame(
            ACK,
            seq,
            ack,
            &[],
            b"x",
        ),
    ];
    for frame in &wrong {
        assert_eq!(client.send(&mut bench, frame), Err(XDP_PASS));
    }
    assert_eq!(payloads(&mut bench), []);
    assert_eq!(events(&mut bench), [(Event::Answered, 1), (Event::OutOfState, wrong.len() as u64)]);
    // Backscatter is not even looked at.
    for flags in [RST, SYN | ACK, RST | ACK, FIN] {
        assert_eq!(client.send(&mut bench, &client.frame(flags, seq, ack, &[], &[])), Err(XDP_PASS));
    }
    assert_eq!(events(&mut bench), [(Event::Answered, 1), (Event::OutOfState, wrong.len() as u64)]);
    // And the right one still is.
    assert_eq!(client.send(&mut bench, &client.frame(ACK, seq, ack, &[], b"x")).unwrap().flags, RST | ACK);
}

#[test]
fn only_named_addresses_and_ports_are_answered_and_never_the_hosts_own() {
    let mut bench = bench(settings());
    let to = |dst: &str, dport: u16| {
        let mut client = Client::new(!dst.contains(':'), &[], dport);
        if client.is_v4 {
            client.v4.dst = dst.parse().unwrap();
        } else {
            client.v6.dst = dst.parse().unwrap();
        }
        client
    };
    for (dst, dport) in [
        ("198.18.0.1", 80),
        ("198.20.0.0", 80),
        ("198.19.0.1", 80),
        ("198.19.7.9", 81),
        ("2001:db8:dead::1", 80),
        ("2001:db8:deae::9", 80),
    ] {
        let client = to(dst, dport);
        assert_eq!(client.send(&mut bench, &client.syn()), Err(XDP_PASS), "{dst} {dport}");
    }
    assert_eq!(events(&mut bench), []);
    // One that says that it comes from the host itself would have it answer itself.
    let mut forged = to("198.19.7.9", 80);
    forged.v4.src = OWN_V4;
    assert_eq!(forged.send(&mut bench, &forged.syn()), Err(XDP_PASS));
    for (dst, dport) in [("198.19.0.0", 80), ("198.19.255.255", 23), ("2001:db8:dead::2", 37_215)] {
        let client = to(dst, dport);
        assert_eq!(client.send(&mut bench, &client.syn()).unwrap().flags, SYN | ACK, "{dst} {dport}");
    }
}

#[test]
fn an_answer_is_never_larger_than_the_syn() {
    let mut bench = bench(settings());
    let mut with_options = Tcp { options: vec![1; 40], dport: 80, ..Tcp::default() };
    for is_v4 in [true, false] {
        let client = Client::new(is_v4, &[], 80);
        for length in [0, 4, 8, 20, 40] {
            let syn = client.frame(SYN, ISN, 0, &vec![1; length], &[]);
            let answer = client.send(&mut bench, &syn).unwrap();
            assert!(answer.length <= syn.len() && answer.options.len() <= length, "{answer:?}");
            assert_eq!(answer.options.len(), length.min(4));
        }
        // Ethernet's least, and data in the SYN: none of it goes back.
        let mut padded = client.frame(SYN, ISN, 0, &[], &[]);
        padded.resize(60.max(padded.len()), 0xee);
        assert_eq!(client.send(&mut bench, &padded).unwrap().length, padded.len());
        let fast_open = client.frame(SYN, ISN, 0, &craft::MSS_1460, &[0xee; 900]);
        let answer = client.send(&mut bench, &fast_open).unwrap();
        assert!(answer.length <= 78 && answer.text.is_empty(), "{answer:?}");
    }
    // Headers in between are not answered.
    with_options.options.clear();
    let ip = Ipv4 { dst: DARK_V4, options: vec![1, 1, 1, 0], ..Ipv4::default() };
    assert_eq!(bench.answer(&craft::v4(&ip, &with_options)).unwrap().0, XDP_PASS);
    // Nor are fragments, and headers that lie about their length.
    let first = Ipv4 { dst: DARK_V4, more_fragments: true, ..Ipv4::default() };
    assert_eq!(bench.answer(&craft::v4(&first, &with_options)).unwrap().0, XDP_PASS);
    for data_offset in [0, 4, 15] {
        let lying = Tcp { data_offset: Some(data_offset), ..with_options.clone() };
        let ip = Ipv4 { dst: DARK_V4, ..Ipv4::default() };
        assert_eq!(bench.answer(&craft::v4(&ip, &lying)).unwrap().0, XDP_PASS, "{data_offset}");
    }
    assert!(events(&mut bench).contains(&(Event::Unsupported, 5)), "{:?}", events(&mut bench));
}

#[test]
fn counted_syns_that_are_not_answered_are_dropped_where_that_is_asked_for() {
    let mut bench = Bench::with(&Options { responder: settings(), drop_counted: true, ..Options::default() }).unwrap();
    let client = Client::new(true, &[], 80);
    assert_eq!(client.send(&mut bench, &client.syn()).unwrap().flags, SYN | ACK);
    let other = Client::new(true, &[], 81);
    assert_eq!(other.send(&mut bench, &other.syn()), Err(XDP_DROP));
    let lying = Tcp { data_offset: Some(15), ..Tcp::default() };
    assert_eq!(bench.answer(&craft::v4(&Ipv4::default(), &lying)).unwrap().0, XDP_DROP);
    assert_eq!(other.send(&mut bench, &other.frame(ACK, 1, 1, &[], b"x")), Err(XDP_PASS), "it is no SYN");
}

#[test]
fn a_prompt_draws_a_login_that_is_never_granted() {
    for is_v4 in [true, false] {
        let mut bench = bench(settings());
        let client = Client::new(is_v4, &[], 23);
        let (mut seq, mut ack) = client.connect(&mut bench);
        let mut say = |bench: &mut Bench, text: &[u8]| {
            let answer = client.send(bench, &client.frame(ACK | PSH, seq, ack, &[], text));
            seq = seq.wrapping_add(u32::try_from(text.len()).unwrap());
            if let Ok(answer) = &answer {
                assert_eq!((answer.seq, answer.ack), (ack, seq));
                ack = ack.wrapping_add(u32::try_from(answer.text.len()).unwrap());
            }
            answer.map(|answer| (answer.flags, answer.text))
        };
        assert_eq!(say(&mut bench, b""), Ok((ACK | PSH, b"login: ".to_vec())));
        assert_eq!(say(&mut bench, b""), Err(XDP_DROP), "an acknowledgment");
        assert_eq!(say(&mut bench, b"ro"), Ok((ACK, vec![])), "not yet a line");
        assert_eq!(say(&mut bench, b"ot\r\n"), Ok((ACK | PSH, b"Password: ".to_vec())));
        assert_eq!(say(&mut bench, b""), Err(XDP_DROP));
        assert_eq!(say(&mut bench, b"xc3511\r\n"), Ok((RST | ACK, vec![])));
        assert_eq!(say(&mut bench, b"enable\r\n"), Err(XDP_PASS), "it is over");
        let expected = [(Stage::User, &b"ro"[..]), (Stage::User, b"ot\r\n"), (Stage::Password, b"xc3511\r\n")];
        assert_eq!(payloads(&mut bench), expected.map(|(stage, text)| (stage, text.to_vec())));
    }
}

#[test]
fn a_source_gets_its_share_and_all_together_theirs() {
    let rate = Rate { of_source: 5, of_all: 12 };
    let mut bench = bench(Responder { answers: rate, ..settings() });
    let mut answered = 0;
    let start = Instant::now();
    for source in 1..=4_u8 {
        for sport in 1..=20 {
            let mut client = Client { sport, ..Client::new(true, &[], 80) };
            client.v4.src = [198, 18, 3, source].into();
            answered += u64::from(client.send(&mut bench, &client.syn()).is_ok());
        }
    }
    // A new second may begin on the way.
    let seconds = start.elapsed().as_secs() + 2;
    assert!(answered >= 12 && answered <= 12 * seconds, "{answered} in {seconds} s");
    let count = |event| events(&mut bench).iter().find(|(other, _)| *other == event).map_or(0, |(_, count)| *count);
    let mut count = count;
    let (by_source, by_all) = (count(Event::RateLimitedSource), count(Event::RateLimitedTotal));
    assert_eq!(answered + by_source + by_all, 80, "all are answered or counted");
    assert!(by_source >= 80 - 4 * 5 * seconds && by_all > 0, "{by_source} {by_all}");
    assert_eq!(bench.counts().syns(), 80);
}

#[test]
fn payloads_are_limited_and_what_is_left_out_is_counted() {
    let mut bench = bench(Responder { payloads: Rate { of_source: 3, of_all: 1_000 }, ..settings() });
    let data = vec![b'A'; 2_000];
    for sport in 1..=10 {
        let client = Client { sport, ..Client::new(true, &[], 80) };
        let (seq, ack) = client.connect(&mut bench);
        let end = client.send(&mut bench, &client.frame(ACK, seq, ack, &[], &data[..1_400])).unwrap();
        assert_eq!((end.flags, end.ack), (RST | ACK, seq.wrapping_add(1_400)), "it is answered all the same");
    }
    let kept = payloads(&mut bench);
    assert!((3..10).contains(&kept.len()), "{}", kept.len());
    assert!(kept.iter().all(|(_, bytes)| bytes.len() == PAYLOAD && bytes.iter().all(|byte| *byte == b'A')));
    let events = events(&mut bench);
    assert!(events.contains(&(Event::Captured, kept.len() as u64)), "{events:?}");
    assert!(events.contains(&(Event::PayloadRateLimited, 10 - kept.len() as u64)), "{events:?}");
}

#[test]
fn the_first_payload_at_a_port_of_the_host_is_observed_and_goes_on() {
    for (is_v4, matched) in kinds() {
        let responder = Responder {
            observed: "80".parse().unwrap(),
            payloads: Rate { of_source: 100, of_all: 100 },
            ..Responder::default()
        };
        let mut bench = bench(responder);
        let client = Client::new(is_v4, &matched, 80);
        let pass = |bench: &mut Bench, frame: &[u8]| assert_eq!(client.send(bench, frame), Err(XDP_PASS));
        let seq = ISN.wrapping_add(1);
        // One that began before the sensor did.
        pass(&mut bench, &client.frame(ACK, 77, 1, &[], b"in the middle"));
        pass(&mut bench, &client.syn());
        pass(&mut bench, &client.frame(ACK, seq, 9, &[], b""));
        // Out of order: the second one comes first.
        pass(&mut bench, &client.frame(ACK, seq.wrapping_add(5), 9, &[], b"second"));
        pass(&mut bench, &client.frame(ACK | PSH, seq, 9, &[], b"first"));
        pass(&mut bench, &client.frame(ACK | PSH, seq, 9, &[], b"first"));
        let other = Client { dport: 81, ..client.clone() };
        pass(&mut bench, &other.syn());
        pass(&mut bench, &other.frame(ACK, seq, 9, &[], b"nobody asked"));
        assert_eq!(payloads(&mut bench), [(Stage::Observed, b"first".to_vec())]);
        assert_eq!(events(&mut bench), [(Event::Captured, 1)]);
    }
}

#[test]
fn a_full_ring_is_counted_and_says_nothing_wrong() {
    let mut bench = bench(settings());
    let all = 2 << honeyxdp_common::responder::PAYLOAD_BITS;
    let mut sources = 0;
    for number in 0..all {
        let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
        let mut client = Client::new(true, &[], 80);
        client.v4.src = [198, 18, high, low].into();
        let (seq, ack) = client.connect(&mut bench);
        client.send(&mut bench, &client.frame(ACK, seq, ack, &[], &[high, low])).unwrap();
        sources += 1;
    }
    let events = events(&mut bench);
    let count = |event| events.iter().find(|(other, _)| *other == event).map_or(0, |(_, count)| *count);
    let kept = payloads(&mut bench);
    assert_eq!((kept.len() as u64, sources), (count(Event::Captured), all));
    assert_eq!(count(Event::Captured) + count(Event::PayloadLost), sources);
    assert!(count(Event::PayloadLost) > 0, "{events:?}");
    let mut numbers: Vec<_> = kept.into_iter().map(|(_, bytes)| bytes).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len() as u64, count(Event::Captured), "each of them once");
}

#[test]
fn whatever_comes_is_answered_rightly_or_left_alone() {
    let number = |name, default| env::var(name).map_or(default, |text| text.parse().expect("it is a number"));
    let (frames, seed): (u64, u64) = (number("HONEYXDP_INPUTS", 100_000), number("HONEYXDP_SEED", 1));
    let start = Instant::now();
    let all = Rate { of_source: u32::MAX, of_all: u32::MAX };
    let mut bench = bench(Responder { observed: "1-65535".parse().unwrap(), answers: all, ..settings() });
    let mut random = Random::new(seed);
    let (mut answered, mut left) = (0_u64, 0_u64);
    let clients: Vec<Client> = kinds().map(|(is_v4, matched)| Client::new(is_v4, &matched, 80)).collect();
    for _ in 0..frames {
        let client = &clients[random.below(clients.len())];
        let (seq, ack, any) = (random.word(), random.word(), random.byte());
        let flags = random.pick(&[SYN, SYN, ACK, ACK | PSH, ACK | FIN, RST, any]);
        let options = vec![random.byte(); 4 * random.below(11)];
        let data = vec![random.byte(); random.below(80)];
        let mut frame = client.frame(flags, seq, ack, &options, &data);
        // Some bytes are others, and some are missing.
        for _ in 0..random.below(4) {
            let at = random.below(frame.len());
            frame[at] = random.byte();
        }
        if random.once_in(4) {
            frame.truncate(14 + random.below(frame.len() - 13));
        }
        let (verdict, out) = bench.answer(&frame).unwrap();
        if verdict != XDP_TX {
            assert_eq!((verdict, &out), (XDP_PASS, &frame), "what is not answered goes on as it is");
            left += 1;
            continue;
        }
        answered += 1;
        // Only SYNs can be right by chance, and what goes back is one that any host takes.
        assert!(out.len() <= frame.len(), "{frame:x?} became {out:x?}");
        let packet = SlicedPacket::from_ethernet(&out).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("{packet:?}") };
        assert!(tcp.syn() && tcp.ack() && tcp.payload().is_empty(), "{tcp:?}");
        let checksum = match packet.net.unwrap() {
            NetSlice::Ipv4(ip) => tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination()).unwrap(),
            NetSlice::Ipv6(ip) => tcp.calc_checksum_ipv6(ip.header().source(), ip.header().destination()).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(tcp.checksum(), checksum);
        if answered.is_multiple_of(1_024) {
            payloads(&mut bench);
        }
    }
    assert_eq!(answered + left, frames);
    assert!(answered > frames / 20 && left > frames / 20, "{answered} answered, {left} left alone");
    println!(
        "responder: {frames} frames, seed {seed}: {:.1} s, {answered} answered, {left} left alone",
        start.elapsed().as_secs_f64()
    );
    let events = events(&mut bench);
    assert!(events.iter().all(|(event, _)| *event != Event::Failed && *event != Event::Accepted), "{events:?}");
}

#[test]
fn a_network_of_ipv6_is_one_source() {
    let mut bench = bench(Responder { answers: Rate { of_source: 3, of_all: 1_000_000 }, ..settings() });
    let answered = |bench: &mut Bench, network: u16| {
        let hosts = 0..100_u16;
        let answered = hosts.filter(|host| {
            let mut client = Client::new(false, &[], 80);
            client.v6.src = Ipv6Addr::new(0x2001, 0xdb8, 0, network, *host, 0, 0, 1);
            client.send(bench, &client.syn()).is_ok()
        });
        answered.count()
    };
    // A new second may begin on the way.
    assert!((3..=6).contains(&answered(&mut bench, 1)));
    assert!((3..=6).contains(&answered(&mut bench, 2)), "another network has its own share");
}
