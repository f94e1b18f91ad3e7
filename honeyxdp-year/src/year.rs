//! Making the archive, day after day.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    thread,
};

use anyhow::{Context as _, ensure};
use honeyxdp_archive::{AccountingRow, Archive, FlowRow, PayloadRow, Writer};
use jiff::{ToSpan as _, civil::Date, tz::TimeZone};
use serde_json::Value;

use crate::{
    lists,
    payloads::{self, sent},
    population::{HAJIME, MIRAI, OTHER, Population, QBOT, Source, shared},
    random::{choose, draw, low},
    surveys::surveys,
    truth::{Day, Truth},
};

/// What year is wanted.
#[derive(Clone, Debug)]
pub struct Request {
    /// Directory for it: `archive`, `lists` and `truth.json`.
    pub out: PathBuf,
    /// About how many rows of bots in all years; surveys and qBot come on top.
    pub rows: u64,
    /// Sources and lists against those of 2019, up to 1. Without: as many as the rows allow.
    pub scale: Option<f64>,
    /// Everything follows from it.
    pub seed: u64,
    /// Number of years, the last of them 2019.
    pub years: u16,
    /// Number of days of each year, from 1 January.
    pub days: u16,
}

/// The sensors that saw it. A source comes to both.
const SENSORS: [&str; 2] = ["north", "south"];
const LAST_YEAR: i16 = 2019;
/// Rows of full scale at which every source has at least one row a day.
const ROWS_OF_FULL_SCALE: f64 = 25_000_000.0;
const DAY_MS: i64 = 86_400_000;
/// Intervals of the sensors.
const INTERVAL_MS: i64 = 600_000;

/// Makes the years, and returns their truth.
///
/// # Errors
/// When the directory holds one already, or cannot be written.
pub fn make(request: &Request) -> anyhow::Result<Value> {
    let Request { out, seed, years, days, .. } = request;
    let directory = out.join("archive");
    ensure!(!directory.exists(), "{} is there already: remove it, or give another directory.", directory.display());
    ensure!((1..=365).contains(days), "a year has 1 to 365 days");
    ensure!((1..=20).contains(years), "it can be 1 to 20 years");
    #[expect(clippy::cast_precision_loss, reason = "about")]
    let of_full_scale = request.rows as f64 / ROWS_OF_FULL_SCALE * 365.0 / f64::from(*days) / f64::from(*years);
    let scale = request.scale.unwrap_or(of_full_scale.min(1.0));
    ensure!(scale > 0.0 && scale <= 1.0, "the scale is over 0 and at most 1");
    let populations =
        [MIRAI, HAJIME, OTHER, QBOT].map(|population| (population.days(*years, *days, scale), population));
    let counted = populations.iter().filter(|(_, population)| population.name != QBOT.name);
    let source_days: u64 = counted.flat_map(|(ranges, _)| ranges).map(|range| range.end - range.start).sum();
    // In thousandths, so that it is no matter of floating point.
    let per_source = (request.rows * 1_000 / source_days).max(1_000);
    let surveys = surveys(scale);
    let archive = Archive::new(directory);
    let mut writers = Vec::new();
    for sensor in SENSORS {
        let mut writer = Writer::open(&archive, sensor, usize::MAX)?;
        writer.bound_payloads(usize::MAX);
        writers.push(writer);
    }
    let mut truth = Truth::default();
    let mut dates = Vec::new();
    let last_year = LAST_YEAR + 1;
    let all_days = (last_year - years.cast_signed()..last_year).flat_map(|year| (0..*days).map(move |day| (year, day)));
    for (at, (year, day)) in all_days.enumerate() {
        let date = Date::new(year, 1, 1)?.checked_add(i64::from(day).days())?;
        dates.push(date);
        let start = date.to_zoned(TimeZone::UTC)?.timestamp().as_millisecond();
        let mut of_day = Day::default();
        let mut seen: [Seen; SENSORS.len()] = Default::default();
        let mirai = &populations[0].0[at];
        for (ranges, population) in &populations {
            let ports = population.ports(year, day);
            for number in ranges[at].clone() {
                let source = match shared(number, mirai).filter(|_| population.name == OTHER.name) {
                    Some(number) => MIRAI.source(*seed, number),
                    None => population.source(*seed, number),
                };
                let drawn = draw(*seed, 2 + ((at as u64) << 8), number ^ (population.salt << 40));
                let count = per_source / 1_000 + u64::from(drawn % 1_000 < per_source % 1_000);
                for which in 0..count {
                    let drawn = draw(drawn, 3, which);
                    let port = choose(&ports, drawn >> 32);
                    let packets = 1 + low(drawn) % 8;
                    of_day.family(population.family).row(source, port, packets);
                    let row = row(population, source, port, packets, start, drawn);
                    let seen = &mut seen[usize::from(drawn & 0x100 != 0)];
                    if which < payloads::ROWS
                        && let Some(payload) = sent(population, &row, start, drawn)
                    {
                        of_day.payload(source, &payload);
                        seen.payloads.push(payload);
                    }
                    seen.rows.push(row);
                }
            }
        }
        for survey in &surveys {
            let mark = Population::marked(survey.family, survey.rule, survey.tag);
            for (which, knock) in survey.knocks(*seed, date).iter().enumerate() {
                let drawn = draw(*seed, 4 + ((at as u64) << 8), which as u64);
                of_day.family(survey.family).row(knock.source, knock.port, knock.packets);
                seen[0].rows.push(row(&mark, knock.source, knock.port, knock.packets, start, drawn));
            }
        }
        truth.day(date, of_day, SENSORS.into_iter().zip(seen.each_ref().map(Seen::counts)));
        write(&mut writers, seen, start)?;
    }
    let surveys = surveys.iter().map(|survey| survey.truth(*seed, &dates)).collect();
    // Those that came by the last day; the numbers have no gaps.
    let lists = lists::write(&out.join("lists"), *seed, scale, truth.end())?;
    let truth = truth.json(surveys, lists);
    let path = out.join("truth.json");
    fs::write(&path, serde_json::to_string(&truth)?).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(truth)
}

/// What a sensor sees on a day.
#[derive(Default)]
struct Seen {
    rows: Vec<FlowRow>,
    payloads: Vec<PayloadRow>,
}

impl Seen {
    /// SYNs and payloads.
    fn counts(&self) -> (u64, u64) {
        (self.rows.iter().map(|row| u64::from(row.packets)).sum(), self.payloads.len() as u64)
    }
}

/// Writes the rows of a day, each sensor in a thread of its own. Every day each of them loses some SYNs and a payload, and a
/// filter takes out some SYNs.
fn write(writers: &mut [Writer], seen: [Seen; SENSORS.len()], start: i64) -> anyhow::Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = writers
            .iter_mut()
            .zip(seen)
            .map(|(writer, seen)| {
                scope.spawn(move || {
                    let (packets, payloads) = seen.counts();
                    for row in seen.rows {
                        writer.push(row)?;
                    }
                    for payload in seen.payloads {
                        writer.push_payload(payload)?;
                    }
                    let (lost, filtered) = (3, 11);
                    let syns = packets + lost;
                    let frames = syns + filtered;
                    writer.account(AccountingRow {
                        interval_start: start,
                        interval_end: start + DAY_MS,
                        frames,
                        syns,
                        packets,
                        lost,
                        filtered,
                        payloads: Some(payloads),
                        payloads_lost: Some(1),
                        ..AccountingRow::default()
                    });
                    writer.flush()
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("a writer does not panic")?;
        }
        Ok(())
    })
}

fn row(population: &Population, source: Source, dport: u16, packets: u32, start: i64, drawn: u64) -> FlowRow {
    let time = draw(drawn, 5, 0);
    let first = start + i64::from(low(time >> 16)) % DAY_MS;
    let interval_start = first - first.rem_euclid(INTERVAL_MS);
    let interval_end = interval_start + INTERVAL_MS;
    let src = match u32::try_from(source.key) {
        Ok(address) => IpAddr::V4(Ipv4Addr::from_bits(address)),
        // Documentation's prefix.
        Err(_) => IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(source.key))),
    };
    let seq = low(draw(drawn, 6, 0));
    FlowRow {
        interval_start,
        interval_end,
        family: population.family,
        rule_id: population.rule,
        attributed_family: None,
        src,
        protocol: honeyxdp_archive::TCP,
        src_port_first: Some(1024 | u16::try_from(seq & 0xffff).unwrap_or(0)),
        src_port_last: Some(1024 | u16::try_from(seq & 0xffff).unwrap_or(0)),
        dst_port: dport,
        packets,
        first_seen: first,
        last_seen: (first + i64::from(packets - 1) * 997).min(interval_end - 1),
        matched: population.tag,
        tcp_window: population.window(),
        ttl: 40 + u8::try_from(source.key % 20).unwrap_or(0),
        dont_fragment: src.is_ipv4().then_some(false),
        options_length: 0,
        options_head: 0,
        ip_id: u16::try_from(seq >> 16).unwrap_or(0),
        seq_first: seq,
        seq_last: low(draw(drawn, 6, u64::from(packets))),
        country: (source.country != *b"ZZ").then_some(source.country),
        asn: Some(source.network()),
    }
}
