//! Counts what lists hold.

use std::{collections::HashSet, hash::BuildHasher as _, net::Ipv4Addr, path::Path};

use foldhash::quality::RandomState;

use super::{
    credentials::CredentialRanking,
    entry::{LineParser, ListEntry, ParsedLine, UnparsableReason},
    input, lines, name,
    result::{CredentialPair, CredentialStats, LineCounts, ListResult, TotalResult, UnparsableExample},
};
use crate::{address_set::AddressSet, escape, view::share};

/// Unparsable lines that are shown: of all lists, and of one reason in one list.
const EXAMPLES: usize = 20;
const EXAMPLES_OF_A_REASON: u64 = 3;
/// Characters of an example.
const EXAMPLE: usize = 80;
/// Most entries that are remembered to tell repeated ones: about 300 MiB. By 64 bits of their hash: among so many, two different
/// ones are taken for the same with a probability of 0.00001.
const MOST_ENTRIES: usize = 1 << 24;

/// A list and its addresses.
pub(super) struct CountedList {
    pub(super) report: ListResult,
    pub(super) addresses: AddressSet,
}

/// All lists so far.
pub(super) struct ListCounter {
    pub(super) addresses: AddressSet,
    pub(super) examples: Vec<UnparsableExample>,
    lines: LineCounts,
    entries: Option<HashSet<u64, RandomState>>,
    ranking: CredentialRanking,
    show_passwords: bool,
}

impl ListCounter {
    pub(super) fn new(show_passwords: bool) -> Self {
        Self {
            addresses: AddressSet::default(),
            examples: Vec::new(),
            lines: LineCounts::default(),
            entries: Some(HashSet::default()),
            ranking: CredentialRanking::default(),
            show_passwords,
        }
    }

    /// Counts a list.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened.
    pub(super) fn read(&mut self, path: &Path, options: &input::ReadOptions) -> anyhow::Result<CountedList> {
        let input = input::open(path, options)?;
        let name = name(path);
        let mut text = lines::LineReader::new(input.reader);
        let (mut parser, mut lines, mut addresses) =
            (LineParser::default(), LineCounts::default(), AddressSet::default());
        let damage = loop {
            let line = match text.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => break None,
                Err(error) => break Some(error.to_string()),
            };
            lines.lines += 1;
            let parsed =
                if line.is_long { ParsedLine::Unparsable(UnparsableReason::TooLong) } else { parser.line(line.bytes) };
            match parsed {
                ParsedLine::Blank => lines.blank += 1,
                ParsedLine::Header => lines.headers += 1,
                ParsedLine::Entry(entry) => {
                    lines.entries += 1;
                    addresses.insert(entry.address);
                    self.entry(&entry);
                }
                ParsedLine::Unparsable(reason) => {
                    let count = lines.unparsable.entry(reason).or_default();
                    *count += 1;
                    if *count <= EXAMPLES_OF_A_REASON && self.examples.len() < EXAMPLES {
                        let text = self.example(line.bytes);
                        self.examples.push(UnparsableExample { list: name.clone(), line: lines.lines, reason, text });
                    }
                }
            }
        };
        addresses.settle();
        self.addresses.union(&addresses);
        self.lines.add(&lines);
        let report = ListResult {
            name,
            encoding: input.encoding,
            gzip: input.is_gzip,
            bytes: text.bytes(),
            duplicates: lines.entries.saturating_sub(addresses.len()),
            unique_addresses: addresses.len(),
            lines,
            seen_addresses: None,
            damage,
        };
        Ok(CountedList { report, addresses })
    }

    fn entry(&mut self, entry: &ListEntry<'_>) {
        if let Some(credentials) = &entry.credentials {
            self.ranking.add(credentials);
        }
        if let Some(entries) = &mut self.entries {
            let hash = entries.hasher().hash_one((entry.address, entry.port, &entry.credentials));
            entries.insert(hash);
            if entries.len() > MOST_ENTRIES {
                self.entries = None;
            }
        }
    }

    fn example(&self, line: &[u8]) -> String {
        let line = String::from_utf8_lossy(&line[..line.len().min(4 * EXAMPLE)]).into_owned();
        let line = if self.show_passwords { line } else { escape::shape(&line) };
        escape::short(&line, EXAMPLE)
    }

    /// All lists together.
    pub(super) fn total(&self) -> TotalResult {
        let unique = self.addresses.len();
        let not_global = self.addresses.iter_v4().filter(|&address| !is_global(address.into())).count() as u64;
        TotalResult {
            lines: self.lines.clone(),
            duplicates: self.lines.entries.saturating_sub(unique),
            repeated: self.entries.as_ref().map(|entries| self.lines.entries - entries.len() as u64),
            unique_addresses: unique,
            unique_ipv6: self.addresses.len_v6(),
            not_global,
            exact: self.addresses.is_exact(),
        }
    }

    /// The ranking of credentials.
    pub(super) fn credentials(&self, top: usize) -> CredentialStats {
        let lines = self.ranking.lines();
        let ranked = self.ranking.top(top.max(10));
        let first_ten: u64 = ranked.iter().take(10).map(|pair| pair.lines).sum();
        let pair = |pair: super::credentials::RankedPair| CredentialPair {
            user: pair.user,
            password: self.show_passwords.then_some(pair.password),
            lines: pair.lines,
            share: share(pair.lines, lines).unwrap_or_default(),
        };
        CredentialStats {
            lines,
            pairs: self.ranking.pairs(),
            error: self.ranking.error(),
            passwords_shown: self.show_passwords,
            top10_share: share(first_ten, lines),
            top: ranked.into_iter().take(top).map(pair).collect(),
        }
    }
}

/// Whether an address can be one on the internet (the special registries of IANA, RFC 6890).
fn is_global(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match a {
        0 | 10 | 127 | 224.. => true,
        100 => b & 0xc0 == 64,
        169 => b == 254,
        172 => b & 0xf0 == 16,
        192 => b == 168 || (b == 0 && (c == 0 || c == 2)),
        198 => b & 0xfe == 18 || (b == 51 && c == 100),
        203 => b == 0 && c == 113,
        _ => false,
    };
    !is_special
}
