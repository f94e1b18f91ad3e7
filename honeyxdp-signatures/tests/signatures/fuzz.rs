//! Crafted payloads mutated from a seed; `cargo xtask fuzz signature-times` runs more of them.

use std::{
    env, hint,
    time::{Duration, Instant},
};

use honeyxdp_signatures::Signatures;

use crate::{judge::judge, mutated::Mutated};

/// Default number of payloads.
const INPUTS: u64 = 20_000;
/// In shorter payloads the cost of the call dominates.
const MIN_BYTES: usize = 64;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn classifies_mutated_payloads_correctly() {
    let (inputs, seed) = (number("HONEYXDP_INPUTS", INPUTS), number("HONEYXDP_SEED", 1));
    let signatures = Signatures::built_in().unwrap();
    let mut payloads = Mutated::new(seed);
    let (mut classifying, mut worst) = (Duration::ZERO, (0.0, Vec::new()));
    let start = Instant::now();
    for number in 0..inputs {
        let payload = payloads.next_payload();
        let mut time = timed(&signatures, &payload);
        classifying += time;
        if payload.len() >= MIN_BYTES && per_byte(time, &payload) > worst.0 {
            // The minimum of several runs excludes other load on the machine.
            time = (0..8).map(|_| timed(&signatures, &payload)).min().unwrap_or(time);
            if per_byte(time, &payload) > worst.0 {
                worst = (per_byte(time, &payload), payload.clone());
            }
        }
        if let Err(reason) = judge(&signatures, &payload) {
            panic!("{reason}: input {number} of seed {seed}: {}", payload.escape_ascii());
        }
    }
    println!(
        "signatures: {inputs} inputs, seed {seed}: {:.1} s, {:.1} s of them labelling; at worst {:.1} ns per byte, {} bytes: {}",
        start.elapsed().as_secs_f64(),
        classifying.as_secs_f64(),
        worst.0,
        worst.1.len(),
        worst.1.escape_ascii(),
    );
}

fn timed(signatures: &Signatures, payload: &[u8]) -> Duration {
    let start = Instant::now();
    hint::black_box(signatures.classify(payload));
    start.elapsed()
}

/// Nanoseconds.
fn per_byte(time: Duration, payload: &[u8]) -> f64 {
    time.as_secs_f64() * 1e9 / payload.len() as f64
}

/// Worst-case inputs of four times the length take about four times as long.
#[test]
fn time_is_linear_in_length() {
    const MEGABYTE: usize = 1 << 20;
    let signatures = Signatures::built_in().unwrap();
    for (start, again) in [
        ("", "%"),
        ("", "%25"),
        ("", "A"),
        ("", "\n"),
        ("", "wget "),
        ("", "wget '"),
        ("", "wget \"a\" 'b\n"),
        ("", "wget -O "),
        ("", "wget http://"),
        ("", "tftp -g -r a "),
        ("", "&#x3"),
        ("", "&amp;"),
        ("", "${IFS}"),
        ("", "/bin/busybox A"),
        ("", "\\x67\\147"),
        ("", "Mozi.gayfg"),
        ("", "01234567890123456789{\"LoginType\""),
        ("GET /", "?images"),
        ("GET /", "a HTTP/"),
        ("GET / HTTP/1.1\n", "User-Agent\n"),
        ("POST / HTTP/1.1\n", "SOAPAction:"),
        ("POST / HTTP/1.1\nSOAPAction: urn:schemas-upnp-org:service:WANIPConnection:1\n\n", "<NewInternalClient>"),
        ("POST /boaform/admin/formPing HTTP/1.1\n\n", "&target_addr=%3"),
        ("wget http://h/", "/"),
        ("wget http://h/", "?a/"),
    ] {
        let payload = |length: usize| [start.as_bytes(), &again.as_bytes().repeat(length / again.len())].concat();
        let (one, four) = (payload(MEGABYTE), payload(4 * MEGABYTE));
        // Quadratic growth would be a factor of 16. A loaded machine may need several tries.
        let grows = || {
            let (one, four) = (timed(&signatures, &one), timed(&signatures, &four));
            (four > 8 * one + Duration::from_millis(20)).then_some((one, four))
        };
        let slow: Vec<_> = (0..5).map_while(|_| grows()).collect();
        assert!(slow.len() < 5, "{start:?} {again:?}: {slow:?}");
    }
}
