//! Lists as they leak: text files of addresses with passwords, with every line several times. Some of the addresses are
//! sources of the year.

use std::{
    collections::HashMap,
    fs,
    io::{BufWriter, Write as _},
    net::Ipv4Addr,
    path::Path,
};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{
    population::{MIRAI, NOBODY, address},
    random::draw,
};

const FILES: u64 = 16;
/// Passwords that devices come with. The first ten of them are in half of the lines.
pub(crate) const COMMON: [&str; 10] = [
    "root:root",
    "admin:admin",
    "root:admin",
    "root:1234",
    "admin:1234",
    "user:user",
    "root:default",
    "admin:password",
    "guest:guest",
    "support:support",
];

/// Writes the lists, and says what is in them. `sources` is how many sources Mirai has.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 510,000")]
pub(crate) fn write(directory: &Path, seed: u64, scale: f64, sources: u64) -> anyhow::Result<Value> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let lines = ((510_000.0 * scale) as u64).max(2_000);
    let unique = ((98_000.0 * scale) as u64).max(400);
    let seen = (unique / 50).min(sources);
    let mut files = (1..=FILES)
        .map(|number| {
            let path = directory.join(format!("list-{number:02}.txt"));
            let file = fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(BufWriter::new(file))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut counts: HashMap<String, u64> = HashMap::new();
    for line in 0..lines {
        // Each one once, and then some of them again.
        let which = if line < unique { line } else { draw(seed, 20, line) % unique };
        let ip = if which < seen {
            let source = MIRAI.source(seed, which * (sources / seen));
            Ipv4Addr::from_bits(u32::try_from(source.key)?)
        } else {
            Ipv4Addr::from_bits(address(NOBODY + which))
        };
        let drawn = draw(seed, 21, line);
        let pair = if line.is_multiple_of(2) {
            // The first one most often: 10, 9, 8 ... of 55.
            let at = (drawn % 55) as usize;
            let place = (0..10usize).scan(0, |end, place| {
                *end += 10 - place;
                Some(*end)
            });
            COMMON[place.take_while(|end| at >= *end).count()].to_owned()
        } else {
            format!("user{}:pass{}", drawn % 5_000, drawn % 5_000)
        };
        *counts.entry(pair.clone()).or_default() += 1;
        let file = &mut files[(draw(seed, 22, line) % FILES) as usize];
        writeln!(file, "{ip}:{} {pair}", if drawn.is_multiple_of(3) { 2323 } else { 23 })?;
    }
    for file in &mut files {
        file.flush()?;
    }
    let mut ranking: Vec<_> = counts.into_iter().collect();
    ranking.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
    ranking.truncate(10);
    let share: u64 = ranking.iter().map(|(_, count)| count).sum();
    Ok(json!({
        "files": FILES,
        "lines": lines,
        "unique_addresses": unique,
        "seen_as_mirai": seen,
        "mirai_sources": sources,
        "first_ten_pairs": ranking,
        "lines_of_first_ten_pairs": share,
    }))
}
