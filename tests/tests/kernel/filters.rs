//! Filters: the kernel takes out what the host takes out, for the same reason, and what is not set changes nothing.

use std::{
    fmt::Write as _,
    fs,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use honeyxdp::{
    filter::{Filters, PrefixSet},
    kernel::{Options, Program},
};
use honeyxdp_common::{Disposition, Family, FilterReason};
use lab::{
    bench::{Bench, XDP_PASS},
    craft::{self, Ipv4, Ipv6, Tcp},
    differential,
    network::{SENSOR, VethPair},
    random::Random,
    sensor::Sensor,
};

use crate::BINARY;
const XDP_DROP: u32 = 1;

fn prefixes(words: &[&str]) -> PrefixSet {
    PrefixSet::parse(words.iter().copied()).unwrap()
}

fn with(filters: Filters) -> Options {
    Options { filters, ..Options::default() }
}

/// Prefixes of every length, a few of each.
fn many_prefixes(seed: u64) -> PrefixSet {
    let mut random = Random::new(seed);
    let mut words = Vec::new();
    for length in 4..=32 {
        for _ in 0..if length < 10 { 1 } else { 8 } {
            words.push(format!("{}/{length}", Ipv4Addr::from(random.word())));
        }
    }
    for length in (4..=128).step_by(4) {
        words.push(format!("{:x}:{:x}::/{length}", random.half(), random.half()));
    }
    PrefixSet::parse(words.iter().map(String::as_str)).unwrap()
}

#[test]
fn kernel_and_host_filter_random_frames_alike() {
    let all = Filters {
        destinations: many_prefixes(1),
        ignored_sources: many_prefixes(2),
        ports: "0-1023,5555,30000-60000".parse().unwrap(),
        families: !(1 << Family::MIRAI.wire_id() | 1 << Family::OTHER.wire_id()),
        public_addresses: (0..50)
            .map(|host| (Ipv4Addr::new(198, 18, 0, host), Ipv4Addr::new(203, 0, 113, host)))
            .collect(),
    };
    let alone = [
        Filters { destinations: all.destinations.clone(), ..Filters::default() },
        Filters { ignored_sources: all.ignored_sources.clone(), ..Filters::default() },
        Filters { ports: all.ports.clone(), ..Filters::default() },
        Filters { families: all.families, ..Filters::default() },
        Filters { public_addresses: all.public_addresses.clone(), ..Filters::default() },
    ];
    let reasons = [
        Some(FilterReason::Destination),
        Some(FilterReason::Source),
        Some(FilterReason::Port),
        Some(FilterReason::Family),
        None,
    ];
    for (filters, reason) in alone.into_iter().zip(reasons) {
        let counts = differential::compare(&with(filters), 21, 60_000).unwrap();
        assert!(counts.syns() > 1_000, "{reason:?}: {}", counts.syns());
        let filtered = counts.disposition(Disposition::Filtered);
        assert_eq!(filtered, reason.map_or(0, |reason| counts.filtered(reason)));
        assert!(reason.is_none() || filtered > 1_000, "{reason:?}: {filtered}");
    }
    let counts = differential::compare(&with(all), 22, 100_000).unwrap();
    let reasons: u64 = FilterReason::ALL.into_iter().map(|reason| counts.filtered(reason)).sum();
    assert_eq!(reasons, counts.disposition(Disposition::Filtered));
}

#[test]
fn edges_of_prefixes_are_where_they_should_be() {
    let ignored = prefixes(&["198.51.100.64/26", "203.0.113.0/24", "192.0.2.7", "2001:db8:1::/48", "::ffff:0:0/96"]);
    let mut bench = Bench::with(&with(Filters { ignored_sources: ignored, ..Filters::default() })).unwrap();
    let mut expect = |frame: &[u8], filtered: bool, what: &str| {
        let before = bench.counts().filtered(FilterReason::Source);
        bench.run(frame).unwrap();
        assert_eq!(bench.counts().filtered(FilterReason::Source) - before, u64::from(filtered), "{what}");
    };
    for (src, filtered) in [
        ("198.51.100.63", false),
        ("198.51.100.64", true),
        ("198.51.100.127", true),
        ("198.51.100.128", false),
        ("203.0.112.255", false),
        ("203.0.113.0", true),
        ("203.0.113.255", true),
        ("203.0.114.0", false),
        ("192.0.2.6", false),
        ("192.0.2.7", true),
        ("192.0.2.8", false),
    ] {
        let ip = Ipv4 { src: src.parse().unwrap(), ..Ipv4::default() };
        expect(&craft::v4(&ip, &Tcp::default()), filtered, src);
    }
    for (src, filtered) in [
        ("2001:db8:1::", true),
        ("2001:db8:1:ffff::1", true),
        ("2001:db8:2::", false),
        ("::198.51.100.64", false),
        ("::ffff:198.51.100.63", true),
    ] {
        let ip = Ipv6 { src: src.parse().unwrap(), ..Ipv6::default() };
        expect(&craft::v6(&ip, &Tcp::default()), filtered, src);
    }
}

#[test]
fn a_counted_syn_is_dropped_when_asked_and_nothing_else_is() {
    let filters = Filters { ports: "23".parse().unwrap(), ..Filters::default() };
    let mut bench = Bench::with(&Options { drop_counted: true, ..with(filters) }).unwrap();
    let mut verdict = |tcp: Tcp| bench.verdict(&craft::v4(&Ipv4::default(), &tcp)).unwrap();
    assert_eq!(verdict(Tcp::default()), XDP_DROP);
    assert_eq!(verdict(Tcp { dport: 24, ..Tcp::default() }), XDP_PASS, "filtered");
    assert_eq!(verdict(Tcp { flags: craft::ACK, ..Tcp::default() }), XDP_PASS, "no SYN");
}

#[test]
fn behind_nat_marks_are_judged_by_the_public_address() {
    let (local, public) = (Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(203, 0, 113, 9));
    // Mirai wrote the public address into the sequence number, and NAT put the local one into the header.
    let frame = craft::v4(&Ipv4 { dst: local, ..Ipv4::default() }, &Tcp { seq: public.into(), ..Tcp::default() });
    for (translated, family) in [(false, Family::OTHER), (true, Family::MIRAI)] {
        let public_addresses = translated.then_some((local, public)).into_iter().collect();
        let mut bench = Bench::with(&with(Filters { public_addresses, ..Filters::default() })).unwrap();
        bench.run(&frame).unwrap();
        assert_eq!(bench.counts().family(family), 1, "{translated}");
    }
}

#[test]
fn a_hundred_thousand_prefixes_load_in_under_a_second() {
    let mut random = Random::new(9);
    let mut text = String::new();
    for at in 0..100_000 {
        // Half of them longer than a block, so that the kernel's trie gets its share.
        let length = if at % 2 == 0 { 24 } else { 32 };
        writeln!(text, "{}/{length}", Ipv4Addr::from(random.word())).unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let empty = Instant::now();
    drop(Program::load(&Options::default()).unwrap());
    let empty = empty.elapsed();

    let start = Instant::now();
    let ignored_sources = PrefixSet::parse([format!("@{}", file.path().display()).as_str()]).unwrap();
    let count = ignored_sources.len();
    let loaded = Program::load(&with(Filters { ignored_sources, ..Filters::default() })).unwrap();
    let took = start.elapsed();
    drop(loaded);
    println!("{count} prefixes: {took:?}; without: {empty:?}");
    assert!(count > 99_000);
    // The debug build of the tests is several times slower than what is shipped.
    assert!(took < empty + Duration::from_secs(1), "{took:?}, without {empty:?}");
}

#[test]
fn filters_of_the_command_line_are_in_force_and_in_the_snapshot() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ignored");
    fs::write(&file, "198.19.0.0/24 # ours\n").unwrap();
    let sensor = Sensor::start(
        BINARY,
        &veth.sensor,
        &format!(
            "-i {SENSOR} --interval 200ms --port 23,2323-2325 --ignore-port 2324 --ignore-src @{} --dst 198.18.0.0/16 \
             --ignore-family hajime --public-addr 198.18.0.2=203.0.113.2 --sample-records 1 --verdict drop",
            file.display()
        ),
    )
    .unwrap();
    let (src, dst) = (Ipv4Addr::new(198, 18, 0, 100), Ipv4Addr::new(198, 18, 0, 1));
    let mut frames = vec![craft::mirai(src, dst, 23); 5];
    frames.extend(vec![craft::mirai(src, dst, 2324); 4]);
    frames.extend(vec![craft::mirai(src, dst, 80); 3]);
    frames.extend(vec![craft::mirai(Ipv4Addr::new(198, 19, 0, 7), dst, 23); 2]);
    frames.extend(vec![craft::mirai(src, Ipv4Addr::new(198, 20, 0, 1), 23); 6]);
    frames.extend(vec![craft::hajime(src, dst, 23); 9]);
    veth.send(&frames).unwrap();
    sensor.wait_for(|snapshot| snapshot.frames.seen == 29).unwrap();
    let text = fs::read_to_string(sensor.directory().join("snapshot.json")).unwrap();
    let snapshot = sensor.stop().unwrap();
    assert_eq!(snapshot.frames.dispositions["syn"], 5);
    assert_eq!(snapshot.frames.dispositions["filtered"], 24);
    let reasons: Vec<(&str, u64)> =
        snapshot.frames.filtered.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(reasons, [("destination", 6), ("family", 9), ("port", 7), ("source", 2)]);
    assert_eq!(snapshot.family("mirai").packets, 5);
    assert_eq!(snapshot.filters["port"], "23,2323,2325");
    assert_eq!(snapshot.filters["dst"]["prefixes"], 1);
    assert_eq!(snapshot.filters["ignore_src"]["prefixes"], 1);
    assert_eq!(snapshot.filters["public_addr"]["addresses"], 1);
    assert_eq!(snapshot.filters["verdict"], "drop");
    assert!(!text.contains("198.1") && !text.contains("203.0.113"), "an address is in the snapshot");
}
