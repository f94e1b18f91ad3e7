//! Lists of devices that other people wrote, as `honeyxdp compare` reads them: plain or packed, in any encoding.

#![no_main]

use std::{cell::RefCell, io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};
use honeyxdp_fuzz::{File, assert_plain};
use honeyxdp_report::{
    compare::{
        CompareOptions, Comparison, ReadOptions, compare,
        entry::{LineParser, ListEntry, ParsedLine},
        lines::{LineReader, MOST},
        show,
    },
    period::Step,
};
use libfuzzer_sys::fuzz_target;

/// What a gzip file may unpack to, bytes.
const UNPACKED: u64 = 1 << 20;

thread_local! {
    static FILE: RefCell<File> = RefCell::new(File::new());
}

fn compared(list: &[u8], show_passwords: bool) -> anyhow::Result<Comparison> {
    FILE.with_borrow_mut(|file| {
        file.write(list);
        compare(&CompareOptions {
            lists: &[Path::new(&file.path()).to_owned()],
            reading: ReadOptions { encoding: None, most_unpacked: UNPACKED },
            archive: None,
            step: Step::Month,
            top: 10,
            show_passwords,
        })
    })
}

/// Sums are sums, and what is shown is escaped.
fn check(comparison: &Comparison) {
    assert_plain(&show(comparison));
    let [list] = comparison.lists.as_slice() else { panic!("one list was read") };
    let lines = &list.lines;
    assert_eq!(lines.lines, lines.blank + lines.headers + lines.entries + lines.unparsable_lines());
    assert_eq!(list.unique_addresses + list.duplicates, lines.entries);
    assert_eq!(*lines, comparison.total.lines);
    assert!(comparison.total.repeated.is_none_or(|repeated| repeated <= list.duplicates));
    let credentials = &comparison.credentials;
    assert!(credentials.lines <= lines.entries && credentials.pairs.is_none_or(|pairs| pairs <= credentials.lines));
    assert!(credentials.top.iter().map(|pair| pair.lines).sum::<u64>() <= credentials.lines);
    for example in &comparison.examples {
        assert_plain(&example.text);
        assert!((1..=lines.lines).contains(&example.line));
    }
}

/// Lines by themselves: of bounded length, with nothing in them that the line does not have.
fn check_lines(list: &[u8]) {
    let (mut lines, mut parser) = (LineReader::new(list), LineParser::default());
    while let Some(line) = lines.next_line().expect("a slice can be read") {
        assert!(line.bytes.len() <= MOST && !line.bytes.contains(&b'\n'));
        let text = line.bytes.to_vec();
        let ParsedLine::Entry(ListEntry { address, credentials, .. }) = parser.line(&text) else { continue };
        assert_eq!(address.to_canonical(), address);
        let Some((user, password)) = credentials else { continue };
        for part in [user, password].iter().filter(|part| !text.contains(&b'"') && !part.is_empty()) {
            assert!(
                text.windows(part.len()).any(|window| window == &part[..]),
                "{:?}",
                part.escape_ascii().to_string()
            );
        }
    }
    assert_eq!(lines.bytes(), list.len() as u64);
}

fn packed(list: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(list).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

/// All of it but the name and how it was packed.
fn json(mut comparison: Comparison) -> String {
    for list in &mut comparison.lists {
        list.name.clear();
        list.gzip = false;
    }
    comparison.examples.iter_mut().for_each(|example| example.list.clear());
    serde_json::to_string(&comparison).expect("it is JSON")
}

fuzz_target!(|list: &[u8]| {
    check_lines(list);
    let plain = match compared(list, false) {
        Ok(plain) => plain,
        Err(error) => return assert_plain(&format!("{error:#}")),
    };
    check(&plain);
    check(&compared(list, true).expect("it was read before"));
    if plain.lists[0].damage.is_none() && !plain.lists[0].gzip && !list.is_empty() {
        let again = compared(&packed(list), false).expect("it is no other archive");
        assert_eq!(json(again), json(plain), "packed it says something else");
    }
});
