//! The generator of floods, and the program in C that the benchmarks measure against.

use honeyxdp::{filter::PrefixSet, kernel::Options};
use lab::{
    clang, differential,
    generator::{Amount, Generator, Pattern, Sender},
    network::{SENSOR, VethPair},
    sensor::Sensor,
};

use crate::BINARY;

#[test]
fn as_many_sources_are_counted_as_were_made() {
    for mode in ["native", "generic"] {
        let veth = VethPair::silent(1_500).unwrap();
        let mut sender = Sender::new(&veth, Pattern::in_turn(20_000)).unwrap();
        if mode == "generic" {
            sender.poll_without_program().unwrap();
        }
        let args = format!("-i {SENSOR} --interval 200ms --mode {mode}");
        let sensor = Sensor::start(BINARY, &veth.sensor, &args).unwrap();
        let sent = sender.send(Amount::Frames(50_000), Some(200_000)).unwrap();
        assert_eq!(sent.frames + sent.dropped, 50_000);
        sensor.wait_for(|snapshot| snapshot.frames.seen >= sent.frames).unwrap();
        let snapshot = sensor.stop().unwrap();
        assert_eq!(snapshot.frames.seen, sent.frames, "{mode}");
        assert_eq!(snapshot.family("mirai").packets, sent.frames, "{mode}");
        let sources = &snapshot.family("mirai").unique_sources;
        assert_eq!((sources.value, sources.exact), (20_000, true), "{mode}");
    }
}

#[test]
fn a_generator_counts_what_it_makes() {
    let mut generator = Generator::new(Pattern::FEW).unwrap();
    generator.repeat(1_000).unwrap();
    generator.repeat(1).unwrap();
    assert_eq!(generator.made().unwrap(), 1_001);
}

#[test]
fn the_twin_in_c_counts_like_the_host() {
    let twin = clang::compile("twin").unwrap();
    let mut filtered = Options::default();
    filtered.filters.destinations = PrefixSet::parse(["0.0.0.0/1", "198.18.0.0/28", "2000::/4"]).unwrap();
    filtered.filters.ignored_sources = PrefixSet::parse(["64.0.0.0/3", "198.18.0.64/26", "fe80::/10"]).unwrap();
    filtered.filters.ports = "0-60000".parse().unwrap();
    for options in [Options::default(), filtered] {
        differential::compare_named(&twin, &options).unwrap();
        differential::compare_object(&twin, &options, 5, 50_000).unwrap();
    }
}
