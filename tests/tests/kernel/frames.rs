//! Named frames: kernel and host must both say what the table says.

use std::collections::BTreeSet;

use honeyxdp::{
    Counts,
    filter::Filters,
    kernel::{OBJECT, Options},
};
use honeyxdp_common::{Disposition, Family, dissect, fingerprints};
use lab::{
    batches::Batch,
    bench::Bench,
    differential::{self, Host, Pair},
    named::{self, Expected},
    peer,
    random::Frames,
};

fn on_the_host(frame: &[u8]) -> Expected {
    match dissect(frame) {
        Ok(syn) => Expected::Syn(fingerprints::primary(fingerprints::matching(&syn)), syn.dport),
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
fn a_difference_is_found_and_named_by_its_frame() {
    let host = Options {
        filters: Filters { ports: "0-22,24-65535".parse().unwrap(), ..Filters::default() },
        ..Options::default()
    };
    let pair = Pair { object: OBJECT, kernel: &Options::default(), host: &host };
    let error = pair.compare(3, 20_000).unwrap_err().to_string();
    // Port 23, in the bytes of the frame.
    assert!(error.starts_with("seed 3: kernel and host differ on [") && error.contains("00, 17"), "{error}");
}

#[test]
fn a_verdict_that_differs_is_found() {
    let (kernel, host) = (Options { drop_counted: true, ..Options::default() }, Options::default());
    let error = Pair { object: OBJECT, kernel: &kernel, host: &host }.compare(3, 20_000).unwrap_err().to_string();
    assert!(error.starts_with("seed 3: the kernel returns 1 and the host 2 for ["), "{error}");
}

#[test]
fn batches_with_every_option_are_counted_alike() {
    let mut met = BTreeSet::new();
    let mut number = 0;
    while met.len() < 10 || number < 12 {
        let batch = Batch::new(1, number);
        let counts = batch.run(5_000).unwrap();
        assert_eq!(counts.seen(), 5_000);
        met.extend(batch.words);
        number += 1;
    }
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

#[test]
fn another_parser_agrees_wherever_it_has_an_answer() {
    let mut frames = Frames::new(77);
    let mut compared = [0, 0];
    for _ in 0..300_000 {
        let frame = frames.next_frame();
        if let Some(theirs) = peer::answer(&frame) {
            let ours = dissect(frame.as_slice()).map(|syn| (syn.sport, syn.dport, syn.seq));
            assert_eq!(ours, theirs, "{frame:02x?}");
            compared[usize::from(theirs.is_ok())] += 1;
        }
    }
    assert!(compared.iter().all(|&frames| frames > 5_000), "too few were compared: {compared:?}");
}
