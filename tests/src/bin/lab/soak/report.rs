//! What a run shows: a head, a line for each check, a table, and JSON.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Args,
    counted::Comparison,
    faults::Faults,
    figures::{Figures, KINDS, Kind},
    run::Outcome,
    trend::{Trend, Verdict},
};

/// Says what begins.
pub(crate) fn head(args: &Args, interval: Duration) {
    println!(
        "honeyxdp {} in a soak: {} minutes, {} frames a second, seed {}, checks every {} s, intervals of {} s, from {}",
        env!("CARGO_PKG_VERSION"),
        args.minutes,
        args.rate,
        args.seed,
        args.every,
        interval.as_secs_f64(),
        Timestamp::now().round(jiff::Unit::Second).unwrap_or_default()
    );
    println!(
        "{:>7} {:>12} {:>12} {:>5} {:>11} {:>11} {:>11} {:>7} {:>7} {:>7} {:>4} {:>4} {:>4} {:>7} {:>7} {:>8}  restarts, filters",
        "minutes",
        "sent",
        "counted",
        "diff",
        "SYNs",
        "filtered",
        "in rows",
        "missing",
        "RSS",
        "PSS",
        "fds",
        "thr",
        "maps",
        "map MiB",
        "directory",
        "archive"
    );
}

/// A line for a check.
pub(crate) fn line(comparison: &Comparison, figures: &Figures, done: &BTreeMap<&'static str, u64>) {
    let [rss, pss, descriptors, threads, maps, map_bytes, _, _, directory, archive] = figures.values;
    println!(
        "{:>7.2} {:>12} {:>12} {:>5} {:>11} {:>11} {:>11} {:>7} {:>7.1} {:>7.1} {:>4} {:>4} {:>4} {:>7.1} {:>7.1} {:>8.1}  {}, {}",
        figures.at.as_secs_f64() / 60.0,
        comparison.sent,
        comparison.counted,
        i128::from(comparison.counted) - i128::from(comparison.sent),
        comparison.syns,
        comparison.filtered,
        comparison.archive.packets,
        comparison.archive.missing,
        mib(rss),
        mib(pss),
        descriptors,
        threads,
        maps,
        mib(map_bytes),
        mib(directory),
        mib(archive),
        restarts(done),
        done.get("filter changes").unwrap_or(&0)
    );
}

/// How often the sensor was stopped, killed or replaced.
pub(crate) fn restarts(done: &BTreeMap<&'static str, u64>) -> u64 {
    ["stops", "kills", "upgrades"].iter().filter_map(|name| done.get(name)).sum()
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The table and the verdict.
pub(crate) fn print(outcome: &Outcome, trends: &[Trend], faults: &Faults) {
    println!(
        "\n{:<28} {:>10} {:>10} {:>10} {:>10} {:>12}  verdict",
        "figure", "first", "median", "last", "most", "per hour"
    );
    for trend in trends {
        let [first, median, last, most] =
            [trend.first, trend.median, trend.last, trend.most].map(|value| shown(trend.kind, value));
        let slope = if trend.kind.bytes { trend.slope / f64::from(1 << 20) } else { trend.slope };
        let name = if trend.kind.bytes { format!("{}, MiB", trend.kind.name) } else { trend.kind.name.to_owned() };
        println!("{name:<28} {first:>10} {median:>10} {last:>10} {most:>10} {slope:>+12.2}  {}", words(&trend.verdict));
    }
    let done: Vec<String> = outcome.done.iter().map(|(name, number)| format!("{number} {name}")).collect();
    println!("\ndone: {}; {} answers over HTTP", done.join(", "), outcome.answers);
    if let Some((last, _)) = outcome.checks.last() {
        println!(
            "sent: {} frames, {} of them in floods; {} found no room in the veth and were not sent",
            last.sent, outcome.flood, outcome.refused
        );
        println!(
            "records: {} found no room; {} SYNs are in none or were read by a process that was killed",
            last.lost_records, last.lost_packets
        );
    }
    let compared: u32 = outcome.checks.iter().map(|(check, _)| check).chain(&outcome.last).map(|c| c.compared).sum();
    let (shown, number) = faults.all();
    println!(
        "{} checks and {} after the end, {compared} numbers compared",
        outcome.checks.len(),
        usize::from(outcome.last.is_some())
    );
    if outcome.interrupted {
        println!("INTERRUPTED after {:.1} of its minutes", outcome.time.as_secs_f64() / 60.0);
    }
    match number {
        0 => println!("PASSED: nothing was lost, doubled or left behind, and what was judged is flat"),
        number => {
            println!("FAILED: {number} faults");
            shown.iter().for_each(|fault| println!("  after {:.1} s: {}", fault.at.as_secs_f64(), fault.text));
        }
    }
}

fn shown(kind: Kind, value: u64) -> String {
    if kind.bytes { format!("{:.1}", mib(value)) } else { value.to_string() }
}

fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Good => "flat".to_owned(),
        Verdict::Bad(why) => format!("GROWS: {why}"),
        Verdict::Open(why) => format!("not judged: {why}"),
    }
}

/// Everything as JSON: the schema is `honeyxdp.soak/1`.
pub(crate) fn write(
    file: &Path,
    args: &Args,
    outcome: &Outcome,
    trends: &[Trend],
    faults: &Faults,
) -> anyhow::Result<()> {
    let (shown, number) = faults.all();
    let document = json!({
        "schema": "honeyxdp.soak/1",
        "version": env!("CARGO_PKG_VERSION"),
        "generated_at": Timestamp::now(),
        "passed": number == 0,
        "interrupted": outcome.interrupted,
        "settings": {"minutes": args.minutes, "rate": args.rate, "seed": args.seed, "every": args.every},
        "seconds": outcome.time.as_secs_f64(),
        "steady_since": outcome.steady.as_secs_f64(),
        "done": outcome.done,
        "answers": outcome.answers,
        "refused": outcome.refused,
        "flood": outcome.flood,
        "checks": outcome.checks.iter().map(|(compared, figures)| check(compared, Some(figures))).collect::<Vec<_>>(),
        "last": outcome.last.as_ref().map(|compared| check(compared, None)),
        "figures": trends.iter().map(trend).collect::<Vec<_>>(),
        "faults": {
            "number": number,
            "shown": shown.iter().map(|f| json!({"after": f.at.as_secs_f64(), "text": f.text})).collect::<Vec<_>>(),
        },
    });
    fs::write(file, format!("{document:#}\n")).with_context(|| format!("cannot write {}", file.display()))
}

fn check(compared: &Comparison, figures: Option<&Figures>) -> Value {
    let mut all = json!({
        "sent": compared.sent,
        "counted": compared.counted,
        "syns": compared.syns,
        "filtered": compared.filtered,
        "lost_records": compared.lost_records,
        "lost_packets": compared.lost_packets,
        "archive": {
            "files": compared.archive.files,
            "rows": compared.archive.rows,
            "packets": compared.archive.packets,
            "missing": compared.archive.missing,
        },
        "compared": compared.compared,
        "differences": compared.differences.iter().map(|difference| &difference.text).collect::<Vec<_>>(),
    });
    if let Some(figures) = figures {
        all["after"] = figures.at.as_secs_f64().into();
        all["pid"] = figures.pid.into();
        for (kind, value) in KINDS.iter().zip(figures.values) {
            all["figures"][kind.name] = value.into();
        }
    }
    all
}

fn trend(trend: &Trend) -> Value {
    json!({
        "name": trend.kind.name,
        "unit": if trend.kind.bytes { "bytes" } else { "number" },
        "first": trend.first,
        "median": trend.median,
        "last": trend.last,
        "most": trend.most,
        "per_hour": trend.slope,
        "verdict": words(&trend.verdict),
    })
}
