//! Payloads: what their labels say, judged as in the tests of honeyxdp-signatures.

#![no_main]

use std::sync::LazyLock;

use honeyxdp_signatures::Signatures;
use libfuzzer_sys::fuzz_target;

#[path = "../../honeyxdp-signatures/tests/signatures/judge.rs"]
mod judge;

static OWN: LazyLock<Signatures> = LazyLock::new(|| Signatures::built_in().expect("a test reads them"));

fuzz_target!(|payload: &[u8]| {
    if let Err(reason) = judge::judge(&OWN, payload) {
        panic!("{reason}");
    }
    let shown = |payload: &[u8]| format!("{:?}", OWN.classify(payload));
    assert_eq!(shown(payload), shown(payload));
});
