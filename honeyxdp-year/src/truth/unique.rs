//! Sources that count once: in a day, a week, a month and a year.

use std::{cmp::Ordering, collections::BTreeMap};

use jiff::{ToSpan as _, civil::Date};
use serde_json::{Map, Value, json};

use super::{HOME, code};
use crate::population::Source;

/// How long buckets are.
const LENGTHS: [&str; 4] = ["day", "week", "month", "year"];

/// The first day of the bucket that a day is in.
fn begin(length: usize, date: Date) -> Date {
    match length {
        0 => date,
        1 => date.saturating_sub(i64::from(date.weekday().to_monday_zero_offset()).days()),
        2 => date.first_of_month(),
        _ => date.first_of_year(),
    }
}

/// How many sources a bucket has.
#[derive(Default)]
struct Count {
    countries: BTreeMap<[u8; 2], u64>,
    ipv6: u64,
}

impl Count {
    fn of(sources: &[Source]) -> Self {
        let mut count = Self::default();
        for source in sources {
            *count.countries.entry(source.country).or_default() += 1;
            count.ipv6 += u64::from(source.is_ipv6());
        }
        count
    }

    fn json(&self) -> Value {
        let countries: BTreeMap<String, u64> = self.countries.iter().map(|(key, count)| (code(*key), *count)).collect();
        json!({
            "sources": self.countries.values().sum::<u64>(),
            "ipv6": self.ipv6,
            "home": self.countries.get(&HOME).copied().unwrap_or(0),
            "countries": countries,
        })
    }
}

/// Sources by buckets of every length, within one year.
#[derive(Default)]
pub(super) struct Unique {
    /// The begin of the bucket that is open, and its sources so far, each once and sorted.
    open: [Option<(Date, Vec<Source>)>; LENGTHS.len()],
    closed: [BTreeMap<Date, Count>; LENGTHS.len()],
}

impl Unique {
    /// Those of a day, each once and sorted. Days come in order.
    pub(super) fn day(&mut self, date: Date, sources: &[Source]) {
        for (length, (open, closed)) in self.open.iter_mut().zip(&mut self.closed).enumerate() {
            let begin = begin(length, date);
            if let Some((past, sources)) = open.take_if(|(past, _)| *past != begin) {
                closed.insert(past, Count::of(&sources));
            }
            let (_, all) = open.get_or_insert_with(|| (begin, Vec::new()));
            *all = union(all, sources);
        }
    }

    /// Those of the year.
    pub(super) fn of_year(&self) -> &[Source] {
        let [.., year] = &self.open;
        year.as_ref().map_or(&[], |(_, sources)| sources)
    }

    /// The counts of all buckets, by length and first day.
    pub(super) fn json(&self) -> Value {
        let lengths = LENGTHS.iter().zip(&self.open).zip(&self.closed).map(|((length, open), closed)| {
            let mut buckets: Map<String, Value> =
                closed.iter().map(|(begin, count)| (begin.to_string(), count.json())).collect();
            buckets.extend(open.iter().map(|(begin, sources)| (begin.to_string(), Count::of(sources).json())));
            ((*length).to_owned(), Value::Object(buckets))
        });
        Value::Object(lengths.collect())
    }
}

/// What is in one of two sorted lists, or in both.
pub(super) fn union(one: &[Source], other: &[Source]) -> Vec<Source> {
    let mut all = Vec::with_capacity(one.len() + other.len() / 8);
    let (mut left, mut right) = (one.iter().peekable(), other.iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let order = a.cmp(b);
        all.extend(if order == Ordering::Greater { right.next() } else { left.next() });
        if order == Ordering::Equal {
            right.next();
        }
    }
    all.extend(left);
    all.extend(right);
    all
}

/// How many are in both of two sorted lists.
pub(super) fn in_both(one: &[Source], other: &[Source]) -> usize {
    one.len() + other.len() - union(one, other).len()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_source_counts_once_in_each_bucket() {
        let [a, b, c] = [1, 2, 1 << 32].map(|key| Source { key, country: HOME });
        assert_eq!((union(&[a, c], &[a, b]), in_both(&[a, c], &[a, b])), (vec![a, b, c], 1));
        let mut unique = Unique::default();
        unique.day(date(2019, 1, 6), &[a, b]);
        unique.day(date(2019, 1, 7), &[a]);
        unique.day(date(2019, 2, 1), &[c]);
        let json = unique.json();
        let sources = |length: &str, begin: &str| json[length][begin]["sources"].as_u64();
        assert_eq!([sources("day", "2019-01-06"), sources("day", "2019-01-07")], [Some(2), Some(1)]);
        assert_eq!([sources("week", "2018-12-31"), sources("week", "2019-01-07")], [Some(2), Some(1)]);
        assert_eq!([sources("month", "2019-01-01"), sources("month", "2019-02-01")], [Some(2), Some(1)]);
        assert_eq!(json["year"]["2019-01-01"], json!({"sources": 3, "ipv6": 1, "home": 3, "countries": {"JP": 3}}));
    }
}
