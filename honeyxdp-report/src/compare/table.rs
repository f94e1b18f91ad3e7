//! A comparison as tables.

use std::{cmp::Reverse, fmt::Write as _};

use super::{Comparison, result::FamilyOverlap};
use crate::{
    escape,
    view::{count, percent, right, table},
};

/// Characters of a user or a password.
const WORD: usize = 40;
/// Characters of a list's name.
const NAME: usize = 60;
/// What stands for a password that is not shown.
const MASK: &str = "********";

/// A comparison for people, without a line feed at its end.
pub fn show(comparison: &Comparison) -> String {
    let parts =
        [lists(comparison), examples(comparison), overlap(comparison), periods(comparison), credentials(comparison)];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

fn lists(comparison: &Comparison) -> String {
    let mut shown =
        table(&["list", "lines", "entries", "unparsable", "duplicates", "addresses", "seen", "share", "encoding"]);
    for list in &comparison.lists {
        let share = list.seen_addresses.and_then(|seen| crate::view::share(seen, list.unique_addresses));
        let packed = if list.gzip { ", gzip" } else { "" };
        shown.add_row([
            escape::short(&list.name, NAME).into(),
            right(count(list.lines.lines)),
            right(count(list.lines.entries)),
            right(count(list.lines.unparsable_lines())),
            right(count(list.duplicates)),
            right(count(list.unique_addresses)),
            right(list.seen_addresses.map_or_else(|| "-".to_owned(), count)),
            right(percent(share)),
            format!("{}{packed}", list.encoding.unwrap_or("bytes")).into(),
        ]);
    }
    let total = &comparison.total;
    let mut text = shown.trim_fmt();
    let repeated = total
        .repeated
        .map_or_else(String::new, |lines| format!(" ({} of them with the same port and credentials)", count(lines)));
    let _ = write!(
        text,
        "\n\n{} lines: {} entries, {} unparsable, {} blank, {} headers\n{} different addresses ({} IPv6, {} that cannot be on \
         the internet), {} duplicates{repeated}",
        count(total.lines.lines),
        count(total.lines.entries),
        count(total.lines.unparsable_lines()),
        count(total.lines.blank),
        count(total.lines.headers),
        count(total.unique_addresses),
        count(total.unique_ipv6),
        count(total.not_global),
        count(total.duplicates),
    );
    if !total.exact {
        text.push_str("\nThere are more IPv6 addresses than are held: numbers are too low.");
    }
    for list in &comparison.lists {
        if let Some(damage) = &list.damage {
            let _ = write!(
                text,
                "\n{} could not be read after line {}: {}",
                escape::short(&list.name, NAME),
                count(list.lines.lines),
                escape::text(damage)
            );
        }
    }
    text
}

fn examples(comparison: &Comparison) -> String {
    if comparison.examples.is_empty() {
        return String::new();
    }
    let mut shown = table(&["unparsable, such as", "line", "why", "list"]);
    for example in &comparison.examples {
        shown.add_row([
            example.text.as_str().into(),
            right(count(example.line)),
            example.reason.meaning().into(),
            escape::short(&example.list, NAME).into(),
        ]);
    }
    shown.trim_fmt()
}

fn overlap(comparison: &Comparison) -> String {
    let Some(overlap) = &comparison.overlap else { return String::new() };
    let Some(period) = overlap.period else {
        return "The archive has nothing of this time.".to_owned();
    };
    let mut shown = table(&["family", "sources seen", "in the lists", "of the lists", "of the sources"]);
    let mut families: Vec<_> = overlap.families.iter().collect();
    families.sort_by_key(|(name, seen)| (*name == "all", Reverse(seen.in_lists), Reverse(seen.sources)));
    let mut is_exact = true;
    for (name, seen) in families {
        is_exact &= seen.exact;
        shown.add_row([
            escape::short(name, WORD).into(),
            right(count(seen.sources)),
            right(count(seen.in_lists)),
            right(percent(seen.share_of_lists)),
            right(percent(seen.share_of_sources)),
        ]);
    }
    let note = if is_exact { "" } else { "\nThere were more IPv6 sources than are held: numbers are too low." };
    format!("{}\n\n{period}, {} rows of {} files{note}", shown.trim_fmt(), count(overlap.rows), count(overlap.files))
}

/// Buckets by the families that overlap, each as `in the lists / seen`.
fn periods(comparison: &Comparison) -> String {
    let Some(overlap) = comparison.overlap.as_ref().filter(|overlap| overlap.periods.len() > 1) else {
        return String::new();
    };
    let mut families: Vec<(&String, &FamilyOverlap)> =
        overlap.families.iter().filter(|(_, seen)| seen.in_lists > 0).collect();
    families.sort_by_key(|(name, seen)| (*name == "all", Reverse(seen.in_lists)));
    let header: Vec<String> = families.iter().map(|(name, _)| escape::short(name, WORD)).collect();
    let mut columns = vec!["in the lists / seen"];
    columns.extend(header.iter().map(String::as_str));
    let mut shown = table(&columns);
    for bucket in &overlap.periods {
        let mut row = vec![bucket.start.to_string().into()];
        row.extend(families.iter().map(|(name, _)| {
            right(
                bucket.families.get(*name).map_or_else(
                    || "-".to_owned(),
                    |seen| format!("{} / {}", count(seen.in_lists), count(seen.sources)),
                ),
            )
        }));
        shown.add_row(row);
    }
    shown.trim_fmt()
}

fn credentials(comparison: &Comparison) -> String {
    let credentials = &comparison.credentials;
    if credentials.lines == 0 {
        return "No line has credentials.".to_owned();
    }
    let mut shown = table(&["", "user", "password", "lines", "share"]);
    for (rank, pair) in credentials.top.iter().enumerate() {
        let shown_word = |word: &str| if word.is_empty() { "(empty)".to_owned() } else { escape::short(word, WORD) };
        shown.add_row([
            right((rank + 1).to_string()),
            shown_word(&pair.user).into(),
            pair.password.as_deref().map_or_else(|| MASK.to_owned(), shown_word).into(),
            right(count(pair.lines)),
            right(percent(Some(pair.share))),
        ]);
    }
    let pairs = credentials.pairs.map_or_else(|| "very many".to_owned(), count);
    let mut text = format!(
        "{}\n\n{} lines with credentials, {pairs} different; the ten most frequent are {} of them",
        shown.trim_fmt(),
        count(credentials.lines),
        percent(credentials.top10_share)
    );
    if credentials.error > 0 {
        let _ = write!(
            text,
            "\nThere are more than can be held: each number may be too low by {}.",
            count(credentials.error)
        );
    }
    if !credentials.passwords_shown {
        text.push_str("\nPasswords are not shown without --show-passwords.");
    }
    text
}
