//! Flow records and sets of sources: every SYN in one record or accounted for, and every source counted once.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use aya::{
    TestRun as _,
    programs::{TestRunOptions, Xdp},
};
use honeyxdp::{
    collector::Collector,
    kernel::{Options, Program},
    sketch::Sketch,
    sources::Settings,
};
use honeyxdp_common::{Address, Family, flow::Flow};
use jiff::Timestamp;
use lab::{
    bench::Bench,
    craft::{self, Ipv4, Ipv6, Tcp},
    differential,
    network::{SENSOR, VethPair},
    random::Random,
    sensor::Sensor,
};

use crate::BINARY;

/// A cache and rings that are far too small.
fn cramped() -> Options {
    Options { flow_bits: 3, record_memory: 0, ..Options::default() }
}

fn syn(src: Ipv4Addr, tcp: Tcp) -> Vec<u8> {
    craft::v4(&Ipv4 { src, ..Ipv4::default() }, &tcp)
}

#[test]
fn a_record_holds_the_fields_of_its_first_and_last_syn() {
    let (mut program, mut maps) = Program::load(&Options::default()).unwrap();
    let ip = Ipv4 { id: 4_711, ttl: 51, ..Ipv4::default() };
    let first =
        Tcp { sport: 40_001, dport: 5555, seq: 1, window: 1_024, options: craft::MSS_1460.to_vec(), ..Tcp::default() };
    let last = Tcp { sport: 40_002, seq: 2, window: 2_048, ..first.clone() };
    let other = Ipv4Addr::new(198, 18, 0, 2);
    for frame in [
        craft::v4(&ip, &first),
        craft::v4(&ip, &first),
        craft::v4(&Ipv4 { dst: other, ttl: 52, id: 1, ..ip.clone() }, &last),
    ] {
        lab::bench::test_run(&mut program, &frame).unwrap();
    }
    let cut = maps.flip().unwrap();
    let mut flows: Vec<Flow> = Vec::new();
    maps.records(Some(&cut), |flow| flows.push(*flow));
    let packets: u32 = flows.iter().map(|flow| flow.packets).sum();
    assert_eq!(packets, 3);
    // One record, unless the test was moved to another CPU in between.
    for flow in flows {
        assert_eq!((flow.src, flow.dport()), (Address::from_v4(ip.src.into()), 5555));
        assert_eq!((flow.options_length, flow.options_head), (4, 0x0204_05b4));
        assert!(flow.is_v4() && flow.dont_fragment() && flow.last_tick.wrapping_sub(flow.first_tick) < 10_000);
        if flow.packets == 3 {
            assert_eq!((flow.window, flow.ttl, flow.ip_id), (1_024, 51, 4_711));
            assert_eq!((flow.first_seq, flow.last_seq, flow.seq_varies()), (1, 2, true));
            assert_eq!((flow.first_dst, flow.last_dst), (ip.dst.into(), other.into()));
            assert_eq!((flow.first_sport, flow.last_sport), (40_001, 40_002));
        }
    }
}

#[test]
fn what_finds_no_room_is_counted_as_lost_and_the_rest_is_in_records() {
    let mut bench = Bench::with(&cramped()).unwrap();
    let mut random = Random::new(5);
    for _ in 0..50_000 {
        bench.run(&syn(Ipv4Addr::from(random.word()), Tcp::default())).unwrap();
    }
    // It checks that records and losses make up the SYNs.
    let counts = bench.counts().clone();
    assert_eq!(counts.syns(), 50_000);
    assert!(counts.lost_packets() > 10_000 && counts.lost_packets() < 50_000, "{}", counts.lost_packets());
    assert_eq!(counts.lost_packets(), counts.lost_records());
    assert!(!bench.flows().is_empty());
}

#[test]
fn random_frames_make_the_same_flows_in_any_cache() {
    for flow_bits in [1, 6, 18] {
        let options = Options { flow_bits, ..Options::default() };
        differential::compare(&options, 11, 60_000).unwrap();
    }
}

#[test]
fn without_flows_there_are_only_counters() {
    let mut bench = Bench::with(&Options { flow_bits: 0, ..Options::default() }).unwrap();
    (0..100).for_each(|_| bench.run(&syn(Ipv4Addr::LOCALHOST, Tcp::default())).unwrap());
    let cut = bench.maps().flip().unwrap();
    let mut records = 0;
    bench.maps().records(Some(&cut), |_| records += 1);
    assert_eq!((bench.maps().counts(&cut).syns(), records), (100, 0));
}

#[test]
fn sampling_leaves_out_records_and_no_count() {
    let mut bench = Bench::with(&Options { sample: 10, ..Options::default() }).unwrap();
    for host in 0..20_000_u32 {
        bench.run(&syn(Ipv4Addr::from(0x0a00_0000 | host), Tcp::default())).unwrap();
    }
    let counts = bench.counts().clone();
    assert_eq!(counts.syns(), 20_000);
    // A binomial distribution: six standard deviations are 255.
    assert!((17_745..18_255).contains(&counts.sampled_out()), "{}", counts.sampled_out());
    assert_eq!(bench.flows().packets(), 20_000 - counts.sampled_out());
}

#[test]
fn every_cut_under_traffic_adds_up() {
    const SENDERS: usize = 2;
    let (mut program, maps) = Program::load(&Options { flow_bits: 10, ..Options::default() }).unwrap();
    let now = Timestamp::now();
    let mut collector = Collector::new(maps, &Settings::default(), now);
    let stop = AtomicBool::new(false);
    let xdp: &Xdp = program.xdp();
    let sent: u64 = thread::scope(|scope| {
        let senders: Vec<_> = (1..=SENDERS)
            .map(|seed| {
                let stop = &stop;
                scope.spawn(move || {
                    let (mut random, mut sent) = (Random::new(seed as u64), 0);
                    while !stop.load(Ordering::Relaxed) {
                        let frame = syn(
                            Ipv4Addr::from(random.word() & 0xffff),
                            Tcp { dport: random.half() % 64, ..Tcp::default() },
                        );
                        // The same flow a few times, so that records have more than one SYN.
                        let times = 1 + u32::from(random.byte() % 4);
                        let options =
                            TestRunOptions { data_in: Some(&frame), repeat: times, ..TestRunOptions::default() };
                        xdp.test_run(options).unwrap();
                        sent += u64::from(times);
                    }
                    sent
                })
            })
            .collect();
        for _ in 0..200 {
            collector.poll();
            // An imbalance is an error.
            collector.collect(now).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    collector.collect(now).unwrap();
    assert!(sent > 10_000);
    assert_eq!(collector.counts().syns(), sent);
    assert_eq!(collector.sources().tally().packets + collector.counts().lost_packets(), sent);
}

#[test]
fn the_kernels_registers_estimate_within_two_percent() {
    let mut bench = Bench::new().unwrap();
    let mut sketch = Sketch::EMPTY;
    for host in 0..100_000_u32 {
        bench
            .run(&syn(Ipv4Addr::from(0x0a00_0000 | host), Tcp { dport: (host % 7) as u16, ..Tcp::default() }))
            .unwrap();
    }
    let cut = bench.maps().flip().unwrap();
    bench.maps().sketch(&cut, Family::OTHER, &mut sketch);
    let estimate = sketch.estimate();
    assert!((98_000..102_000).contains(&estimate), "{estimate}");
    // They were moved, and not copied.
    let mut again = Sketch::EMPTY;
    bench.maps().sketch(&cut, Family::OTHER, &mut again);
    assert_eq!(again, Sketch::EMPTY);
}

#[test]
fn a_sensor_counts_every_source_once() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} --interval 300ms")).unwrap();
    let dst = Ipv4Addr::new(198, 18, 0, 1);
    let hosts = |from: u32, to: u32| (from..to).map(|host| Ipv4Addr::from(0xc613_0000 | host));
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for src in hosts(0, 3_000) {
        frames.push(craft::mirai(src, dst, 23));
        frames.push(craft::mirai(src, dst, 23));
        frames.push(craft::mirai(src, dst, 2323));
    }
    for src in hosts(2_000, 4_000) {
        frames.push(craft::hajime(src, dst, 23));
    }
    for host in 0..500_u128 {
        let src = Ipv6Addr::from(0x2001_0db8 << 96 | host);
        frames.push(craft::v6(&Ipv6 { src, ..Ipv6::default() }, &Tcp { dport: 23, ..Tcp::default() }));
    }
    veth.send(&frames).unwrap();
    let total = frames.len() as u64;
    let first = sensor.wait_for(|snapshot| snapshot.frames.seen == total).unwrap();
    // The same ones again, in another interval: nothing new in the hour.
    thread::sleep(Duration::from_millis(700));
    veth.send(&frames).unwrap();
    sensor.wait_for(|snapshot| snapshot.frames.seen == 2 * total).unwrap();
    let last = sensor.stop().unwrap();
    for snapshot in [&first, &last] {
        let family = |name: &str| {
            let sources = &snapshot.family(name).unique_sources;
            (sources.value, sources.exact)
        };
        assert_eq!((family("mirai"), family("hajime"), family("other")), ((3_000, true), (2_000, true), (500, true)));
        assert_eq!(snapshot.family("nmap").unique_sources.value, 0);
        let port = |port: u16| snapshot.port(port).unwrap().unique_sources.as_ref().unwrap().value;
        assert_eq!((port(23), port(2323)), (4_500, 3_000));
        let estimate = snapshot.family("mirai").unique_sources.estimate;
        assert!((2_940..=3_060).contains(&estimate), "{estimate}");
        let hour = &snapshot.windows.hour;
        // Unless the hour has just begun.
        if snapshot.windows.last_hour.is_none() {
            assert_eq!((hour.family("mirai").unwrap().value, hour.port(23).unwrap().value), (3_000, 4_500));
        }
        let records = &snapshot.records;
        assert_eq!(records.packets + records.lost_packets, snapshot.frames.dispositions["syn"]);
        assert_eq!(records.lost, 0);
        assert_eq!(snapshot.memory.sets_evicted, 0);
    }
    assert_eq!(last.records.packets, 2 * total);
}

#[test]
fn too_little_memory_gives_sets_up_and_says_so() {
    let (mut program, maps) = Program::load(&Options::default()).unwrap();
    let now = Timestamp::now();
    // Sparse addresses are the dearest: each has a container of its own.
    let settings = Settings { memory: 4 << 20, ..Settings::default() };
    let mut collector = Collector::new(maps, &settings, now);
    let mut random = Random::new(3);
    for _ in 0..200_000 {
        let frame = syn(Ipv4Addr::from(random.word()), Tcp { dport: 9_999, ..Tcp::default() });
        lab::bench::test_run(&mut program, &frame).unwrap();
        if random.once_in(1_000) {
            collector.poll();
        }
    }
    collector.collect(now).unwrap();
    let memory = collector.sources().report().memory();
    assert!(memory.sets_evicted > 0 && memory.sets <= memory.limit, "{memory:?}");
    let sources = collector.sources().report().total_family(Family::OTHER);
    assert!(!sources.exact && sources.value < 200_000, "{sources:?}");
    assert!((196_000..204_000).contains(&sources.estimate), "{sources:?}");
}
