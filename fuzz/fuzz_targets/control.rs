//! The control socket: whatever is written to it, as HTTP or as the body of a request, and the rules that come of it.

#![no_main]

use honeyxdp::{
    filter::{Filters, change::Operation},
    sensor::fuzzing::Sensor,
};
use honeyxdp_common::Family;
use honeyxdp_fuzz::{Wire, assert_plain};
use libfuzzer_sys::fuzz_target;
use tokio::{runtime, task};

/// Changes of one input: each takes two connections.
const MOST_CHANGES: usize = 6;
/// Turns in which a sensor has time to answer: each lets everything run that can.
const TURNS: usize = 100;

/// What a sensor answers to the bytes of a connection. Then the client says that it is done, so that nobody waits for a timeout;
/// not before, because who hangs up is not answered.
fn answer(sensor: &mut Sensor, bytes: &[u8]) -> Vec<u8> {
    let wire = Wire::new(bytes);
    let runtime = runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime can be made").block_on(async {
        let end = async {
            for _ in 0..TURNS {
                task::yield_now().await;
            }
            wire.end();
        };
        tokio::join!(sensor.serve(wire.clone()), end);
    });
    wire.written()
}

fn post(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /rules HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Whether it is HTTP as it stands; else it is the body of a change.
fn is_http(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_uppercase)
}

/// Every answer begins with its status, and none says that the sensor failed.
fn check_answer(answer: &[u8]) {
    if answer.is_empty() {
        return;
    }
    let text = String::from_utf8_lossy(answer);
    let status =
        text.strip_prefix("HTTP/1.1 ").or_else(|| text.strip_prefix("HTTP/1.0 ")).and_then(|rest| rest.get(..3));
    let status: u16 = status.and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {text:?}"));
    // 503 is for what has no snapshot yet, and 501 is hyper's for what it does not implement.
    assert!((100..500).contains(&status) || matches!(status, 501 | 503), "{text:?}");
}

/// What is in force counts something, and in words it is the same.
fn check_filters(filters: &Filters) {
    assert!(filters.ports.iter().next().is_some(), "no port is counted");
    assert!(Family::ALL.iter().any(|&family| filters.of_family(family).is_none()), "no family is counted");
    let words = filters.words();
    if words.is_empty() {
        assert_eq!(*filters, Filters::default());
    } else {
        assert_eq!(Filters::default().changed(Operation::Set, &words).expect("it was in force"), *filters);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut sensor = Sensor::default();
    if is_http(bytes) {
        check_answer(&answer(&mut sensor, bytes));
        check_filters(sensor.filters());
        return;
    }
    // Several changes, one after the other.
    for change in bytes.split(|&byte| byte == b'\n').take(MOST_CHANGES) {
        let before = sensor.filters().clone();
        let said = answer(&mut sensor, &post(change));
        check_answer(&said);
        check_filters(sensor.filters());
        let (head, body) =
            std::str::from_utf8(&said).ok().and_then(|said| said.split_once("\r\n\r\n")).expect("head and body");
        assert_plain(body);
        if head.starts_with("HTTP/1.1 200") {
            let show = answer(&mut sensor, b"GET /rules HTTP/1.1\r\nHost: x\r\n\r\n");
            assert!(show.ends_with(body.as_bytes()), "what was answered is not what is in force");
        } else {
            assert_eq!(*sensor.filters(), before, "it was refused, and has changed something");
        }
    }
});
