//! Judging sensors by what was read of them.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};

use super::{Day, Gap, Limits, Sensor, State, Status, read::Accounts};

/// A shorter time without an interval is no gap: a sensor that is started again.
const GAP: i64 = 60_000;
/// Fewer SYNs of a day, or fewer days or sensors, say nothing.
const LEAST_SYNS: u64 = 1_000;
const LEAST: usize = 3;
/// A day that was counted for less than this is not set beside others.
const LEAST_SECONDS: u64 = 3_600;

pub(super) fn judge(sensors: BTreeMap<String, Accounts>, from: Timestamp, at: Timestamp, limits: Limits) -> Status {
    let mut sensors: Vec<Sensor> =
        sensors.into_iter().map(|(name, accounts)| sensor(name, accounts, from, at, limits)).collect();
    set_beside_each_other(&mut sensors);
    sensors.sort_by(|a, b| (&a.site, &a.sensor).cmp(&(&b.site, &b.sensor)));
    Status { at, from, sensors }
}

fn sensor(sensor: String, accounts: Accounts, from: Timestamp, at: Timestamp, limits: Limits) -> Sensor {
    let Accounts { site, counted, syns, not_in_rows, days: syns_of, .. } = accounts;
    let time = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    let (first, last) = (counted.first().map_or(0, |time| time.0), counted.last().map_or(0, |time| time.1));
    let mut gaps: Vec<Gap> =
        counted.windows(2).map(|pair| Gap { from: time(pair[0].1), to: time(pair[1].0) }).collect();
    let silence = at.duration_since(time(last));
    let state = if silence > limits.silent { State::Silent } else { State::Up };
    if state == State::Silent {
        gaps.push(Gap { from: time(last), to: at });
    }
    gaps.retain(|gap| gap.to.duration_since(gap.from).as_millis() > GAP.into());
    // A day that has not begun is none.
    let days = dates(from, at.saturating_sub(1.millisecond()).unwrap_or(at))
        .map(|date| {
            let (begin, end) = (midnight(date), midnight(date.saturating_add(1.day())));
            let parts = counted.iter().map(|&(from, to)| (to.min(end) - from.max(begin)).max(0));
            let counted_seconds = seconds(parts.sum());
            let syns = syns_of.get(&date).copied().unwrap_or(0);
            Day { date, counted_seconds, syns, against_others: None }
        })
        .collect();
    Sensor {
        sensor,
        site,
        state,
        first: time(first),
        last: time(last),
        counted_seconds: seconds(counted.iter().map(|(from, to)| to - from).sum()),
        missing_seconds: gaps.iter().map(|gap| seconds(gap.to.as_millisecond() - gap.from.as_millisecond())).sum(),
        syns,
        not_in_rows,
        gaps,
        days,
    }
}

fn dates(from: Timestamp, to: Timestamp) -> impl Iterator<Item = Date> {
    let date = |time: Timestamp| time.to_zoned(TimeZone::UTC).date();
    let last = date(to);
    date(from).series(1.day()).take_while(move |date| *date <= last)
}

fn midnight(date: Date) -> i64 {
    date.to_zoned(TimeZone::UTC).map_or(0, |midnight| midnight.timestamp().as_millisecond())
}

fn seconds(milliseconds: i64) -> u64 {
    u64::try_from(milliseconds).unwrap_or(0).div_ceil(1_000)
}

/// Says of each day how much more or less a sensor saw than usual, beside what the others did.
fn set_beside_each_other(sensors: &mut [Sensor]) {
    // Each sensor's days against its own middle one: sensors differ in size.
    let own: Vec<Vec<Option<f64>>> = sensors
        .iter()
        .map(|sensor| {
            let rates: Vec<Option<f64>> = sensor.days.iter().map(rate).collect();
            let middle = middle(rates.iter().flatten().copied().collect());
            let is_small = sensor.syns < LEAST_SYNS;
            rates.iter().map(|rate| Some((*rate)? / middle.filter(|middle| !is_small && *middle > 0.0)?)).collect()
        })
        .collect();
    let days = sensors.iter().map(|sensor| sensor.days.len()).max().unwrap_or(0);
    for day in 0..days {
        let of_all = middle(own.iter().filter_map(|own| *own.get(day)?).collect());
        for (sensor, own) in sensors.iter_mut().zip(&own) {
            if let Some(day_of) = sensor.days.get_mut(day) {
                day_of.against_others = own[day].zip(of_all.filter(|all| *all > 0.0)).map(|(own, all)| own / all);
            }
        }
    }
}

/// SYNs a second of a day that was counted long enough.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
fn rate(day: &Day) -> Option<f64> {
    (day.counted_seconds >= LEAST_SECONDS).then(|| day.syns as f64 / day.counted_seconds as f64)
}

/// The middle one of enough values.
fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    (values.len() >= LEAST).then(|| values[values.len() / 2])
}
