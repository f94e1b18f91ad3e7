//! Lists of prefixes, as a file that `--dst @FILE` and `--ignore-src @FILE` name, and the sets that they make.

#![no_main]

use std::{cell::RefCell, net::IpAddr};

use honeyxdp::filter::{PrefixError, PrefixSet};
use honeyxdp_common::Address;
use honeyxdp_fuzz::{File, assert_plain};
use libfuzzer_sys::fuzz_target;

/// Prefixes of a file up to which sets are taken apart: each that is taken out can cut one into 127.
const FEW: usize = 32;

thread_local! {
    static FILE: RefCell<File> = RefCell::new(File::new());
}

fn read(text: &[u8]) -> Result<PrefixSet, PrefixError> {
    FILE.with_borrow_mut(|file| {
        file.write(text);
        PrefixSet::parse([format!("@{}", file.path()).as_str()])
    })
}

fn of(words: &[String]) -> PrefixSet {
    PrefixSet::parse(words.iter().map(String::as_str)).expect("what a set says of itself is a set")
}

fn contains(set: &PrefixSet, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => set.contains(Address::from_v4(address.into()), true),
        IpAddr::V6(address) => set.contains(Address::from_v6(address.into()), false),
    }
}

/// It says what it is, holds the edges of its prefixes, and none of them lies in another.
fn check_set(set: &PrefixSet) {
    let words = set.words();
    assert_eq!(words.len(), set.len());
    assert_eq!(of(&words), *set);
    for prefix in set.v4() {
        assert!(contains(set, prefix.network().into()) && contains(set, prefix.broadcast().into()), "{prefix}");
    }
    for prefix in set.v6() {
        assert!(contains(set, prefix.network().into()) && contains(set, prefix.broadcast().into()), "{prefix}");
    }
    assert!(set.v4().windows(2).all(|two| two[0].broadcast() < two[1].network()), "{words:?}");
    assert!(set.v6().windows(2).all(|two| two[0].broadcast() < two[1].network()), "{words:?}");
    assert_eq!(set.with(set), *set);
    assert!(set.without(set).is_empty());
}

/// One half of it, without the other and with it again.
fn check_halves(set: &PrefixSet) {
    let words = set.words();
    let (one, other) = (of(&words[..words.len() / 2]), of(&words[words.len() / 2..]));
    assert_eq!(one.with(&other), *set);
    assert_eq!(set.without(&one), other, "what is taken out is gone, and nothing else");
    // The halves of each prefix, and the lowest address of each: sets that lie inside.
    let lowest: Vec<String> = words.iter().map(|word| word.split('/').next().unwrap_or(word).to_owned()).collect();
    let lowest = of(&lowest);
    let rest = set.without(&lowest);
    assert_eq!(rest.with(&lowest), *set);
    assert!(lowest.v4().iter().all(|prefix| !contains(&rest, prefix.network().into())));
    assert!(lowest.v6().iter().all(|prefix| !contains(&rest, prefix.network().into())));
}

fuzz_target!(|text: &[u8]| {
    match read(text) {
        Ok(set) => {
            check_set(&set);
            if set.len() <= FEW {
                check_halves(&set);
            }
            // The same words on a command line.
            let text = String::from_utf8_lossy(text);
            let words = text.lines().map(|line| line.split('#').next().unwrap_or("").trim());
            assert_eq!(PrefixSet::parse(words.filter(|word| !word.is_empty())).expect("the same words"), set);
        }
        Err(error) => {
            assert_plain(&error.to_string());
            match error {
                PrefixError::Line { line, text: wrong, .. } => {
                    let named = String::from_utf8_lossy(text).lines().nth(line - 1).map(str::to_owned);
                    assert!(named.is_some_and(|named| named.contains(&wrong)), "line {line} is not {wrong:?}");
                }
                PrefixError::File { .. } => assert!(std::str::from_utf8(text).is_err(), "{error}"),
                PrefixError::Prefix(_) => panic!("a file has no words: {error}"),
            }
        }
    }
});
