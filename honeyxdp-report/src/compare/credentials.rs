//! How often each pair of user and password occurs.

use std::{borrow::Cow, collections::HashMap};

use encoding_rs::WINDOWS_1252;
use foldhash::fast::RandomState;

use super::entry::CredentialBytes;

/// Most that pairs may take, bytes: about a million of usual length.
const MOST: usize = 128 << 20;
/// What a pair takes beside its text, bytes, about.
const EACH: usize = 64;

/// Counts pairs. Up to 128 MiB it is exact. Beyond, rare pairs are given up and frequent ones stay, with counts that are at
/// most [`Self::error`] too low (Misra and Gries, many steps at a time).
#[derive(Debug)]
pub(super) struct CredentialRanking {
    counts: HashMap<Box<[u8]>, u64, RandomState>,
    used: usize,
    most: usize,
    lines: u64,
    error: u64,
    key: Vec<u8>,
}

/// A pair and how often it occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RankedPair {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) lines: u64,
}

impl Default for CredentialRanking {
    fn default() -> Self {
        Self::with_room(MOST)
    }
}

impl CredentialRanking {
    fn with_room(most: usize) -> Self {
        Self { counts: HashMap::default(), used: 0, most, lines: 0, error: 0, key: Vec::new() }
    }

    /// Counts a pair once.
    pub(super) fn add(&mut self, (user, password): &CredentialBytes<'_>) {
        self.lines += 1;
        let (user, password) = (utf8(user), utf8(password));
        self.key.clear();
        self.key.extend_from_slice(&user.len().to_le_bytes());
        self.key.extend_from_slice(&user);
        self.key.extend_from_slice(&password);
        if let Some(count) = self.counts.get_mut(self.key.as_slice()) {
            *count += 1;
            return;
        }
        self.used += self.key.len() + EACH;
        self.counts.insert(self.key.as_slice().into(), 1);
        while self.used > self.most {
            self.evict();
        }
    }

    /// Takes the median of all counts off each of them: half of the pairs go.
    fn evict(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let middle = counts.len() / 2;
        let median = *counts.select_nth_unstable(middle).1;
        self.error += median;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(median);
            *count > 0
        });
        self.used = self.counts.keys().map(|key| key.len() + EACH).sum();
    }

    /// Lines that had a pair.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Different pairs; none where it is not known.
    pub(super) fn pairs(&self) -> Option<u64> {
        (self.error == 0).then_some(self.counts.len() as u64)
    }

    /// Counts are this much too low at most.
    pub(super) fn error(&self) -> u64 {
        self.error
    }

    /// The most frequent ones, of equal ones the first by the alphabet.
    pub(super) fn top(&self, most: usize) -> Vec<RankedPair> {
        type KeyCount<'a> = (&'a [u8], u64);
        let order = |&(left, lefts): &KeyCount<'_>, &(right, rights): &KeyCount<'_>| {
            rights.cmp(&lefts).then_with(|| split(left).cmp(&split(right)))
        };
        let mut pairs: Vec<KeyCount<'_>> = self.counts.iter().map(|(key, &lines)| (&key[..], lines)).collect();
        if most < pairs.len() {
            pairs.select_nth_unstable_by(most, order);
            pairs.truncate(most);
        }
        pairs.sort_unstable_by(order);
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        pairs
            .into_iter()
            .map(|(key, lines)| {
                let (user, password) = split(key);
                RankedPair { user: text(user), password: text(password), lines }
            })
            .collect()
    }
}

fn split(key: &[u8]) -> (&[u8], &[u8]) {
    let (length, text) = key.split_first_chunk().expect("a key begins with a length");
    text.split_at(usize::from_le_bytes(*length))
}

/// Bytes that are UTF-8 as they are, and else as Windows' superset of Latin-1, in which everything is a text.
fn utf8<'a>(bytes: &'a Cow<'a, [u8]>) -> Cow<'a, [u8]> {
    match str::from_utf8(bytes) {
        Ok(_) => Cow::Borrowed(bytes),
        Err(_) => match WINDOWS_1252.decode_without_bom_handling(bytes).0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair<'a>(user: &'a [u8], password: &'a [u8]) -> CredentialBytes<'a> {
        (user.into(), password.into())
    }

    #[test]
    fn pairs_are_ranked_and_latin_1_is_the_same_as_utf_8() {
        let mut ranking = CredentialRanking::default();
        ranking.add(&pair(b"root", "pässe".as_bytes()));
        ranking.add(&pair(b"root", b"p\xe4sse"));
        ranking.add(&pair(b"ro", b"otx"));
        ranking.add(&pair(b"root", b"x"));
        assert_eq!((ranking.lines(), ranking.pairs(), ranking.error()), (4, Some(3), 0));
        let top = ranking.top(2);
        assert_eq!(top[0], RankedPair { user: "root".into(), password: "pässe".into(), lines: 2 });
        assert_eq!(top[1], RankedPair { user: "ro".into(), password: "otx".into(), lines: 1 });
        assert_eq!(ranking.top(10).len(), 3);
        assert!(CredentialRanking::default().top(10).is_empty());
    }

    #[test]
    fn memory_is_bounded_and_frequent_pairs_stay() {
        let mut ranking = CredentialRanking::with_room(100 * (8 + 10 + EACH));
        for number in 0..100_000_u32 {
            ranking.add(&pair(b"root", b"123456"));
            if number.is_multiple_of(2) {
                ranking.add(&pair(b"admin", b"admin"));
            }
            ranking.add(&pair(b"x", &number.to_le_bytes()));
            assert!(ranking.used <= ranking.most);
        }
        assert_eq!(ranking.pairs(), None);
        let top = ranking.top(2);
        for (ranked, user, truth) in [(&top[0], "root", 100_000), (&top[1], "admin", 50_000)] {
            assert_eq!(ranked.user, user);
            assert!((truth - ranking.error()..=truth).contains(&ranked.lines), "{ranked:?}");
        }
        assert!(ranking.error() < 250_000 / 40, "{}", ranking.error());
    }
}
