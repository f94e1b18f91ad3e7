//! How regularly something comes, and whether it still does.
//!
//! Looked at is the logarithm of the SYNs of each day, from the first to the last day with SYNs: a day with a thousand times
//! as many weighs a few times as much. Days that the archive has nothing of are not known, and not zero. The
//! autocorrelation of that is 1 at a lag of as many days as lie between two visits, and about 0 where nothing repeats.

use std::fmt;

use jiff::civil::Date;
use serde::Serialize;

/// Days within which everything is one visit.
const ONE_VISIT: usize = 6;
/// Part of the days on which something daily is seen, at least.
const DAILY: f64 = 0.8;
/// Longest time between two visits that is looked for, days.
const LONGEST: usize = 35;
/// Shortest one that is looked for where visits may be a day early or late.
const SHORTEST_UNEVEN: usize = 5;
/// Parts of the days next to a day, and next to those, that count as its own then.
const NEXT_DAY: f64 = 0.75;
const DAY_AFTER: f64 = 0.25;
/// Least autocorrelation of what repeats; and what chance reaches in a series of one day, which falls with the root of its length.
const LEAST: f64 = 0.3;
const CHANCE: f64 = 3.0;
/// A lag is taken before a longer one that correlates little better: two weeks are a lag as well.
const NEARLY: f64 = 0.6;

/// How regularly something comes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Cadence {
    /// Within six days, and not again.
    Once,
    /// On four of five days at least.
    Daily,
    /// About every seven days, at least four times.
    Weekly {
        /// Autocorrelation at that lag, at most 1.
        correlation: f64,
    },
    /// About every so many days, at least four times.
    Every {
        /// Days between two visits.
        days: usize,
        /// Autocorrelation at that lag, at most 1.
        correlation: f64,
    },
    /// Otherwise.
    Irregular,
}

/// Whether something goes on at the end of what was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityStatus {
    /// Its next visit is not overdue.
    Active,
    /// Its next visit is overdue: by half the time between two, and a day.
    Stopped,
}

impl fmt::Display for Cadence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once => formatter.write_str("once"),
            Self::Daily => formatter.write_str("daily"),
            Self::Weekly { .. } => formatter.write_str("weekly"),
            Self::Every { days, .. } => write!(formatter, "every {days} days"),
            Self::Irregular => formatter.write_str("irregular"),
        }
    }
}

impl fmt::Display for ActivityStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Active => "active",
            Self::Stopped => "stopped",
        })
    }
}

impl Cadence {
    /// Of SYNs by day, rising; `known` are the days that the archive has, rising.
    pub(super) fn of(days: &[(Date, u64)], known: &[Date]) -> Self {
        let series = series(days, known);
        let (looked, active) = (series.iter().flatten().count(), days.len());
        if series.len() <= ONE_VISIT {
            return Self::Once;
        }
        #[expect(clippy::cast_precision_loss, reason = "there are few days")]
        if active as f64 >= DAILY * looked as f64 {
            return Self::Daily;
        }
        // As it is, and with room for visits that are early or late.
        let found = [repeats(&series, 2), repeats(&blurred(&series), SHORTEST_UNEVEN)];
        match nearest(found.into_iter().flatten().collect()) {
            Some((6..=8, correlation)) => Self::Weekly { correlation },
            Some((days, correlation)) => Self::Every { days, correlation },
            None => Self::Irregular,
        }
    }

    /// Whether what was last seen on this day goes on, on the last day of the archive.
    pub(super) fn status(self, last_seen: Date, last_day: Date) -> ActivityStatus {
        let patience = match self {
            Self::Daily => 2,
            Self::Every { days, .. } => days + days.div_ceil(2) + 1,
            Self::Weekly { .. } => 12,
            Self::Once | Self::Irregular => 7,
        };
        let silent = usize::try_from((last_day - last_seen).get_days()).unwrap_or(0);
        if silent > patience { ActivityStatus::Stopped } else { ActivityStatus::Active }
    }
}

/// One value a day from the first to the last one; none where nothing is known.
fn series(days: &[(Date, u64)], known: &[Date]) -> Vec<Option<f64>> {
    let (Some(&(first, _)), Some(&(last, _))) = (days.first(), days.last()) else { return Vec::new() };
    let place = |day: Date| usize::try_from((day - first).get_days()).ok();
    let mut series = vec![None; place(last).unwrap_or(0) + 1];
    for &day in known {
        if let Some(value) = place(day).and_then(|place| series.get_mut(place)) {
            *value = Some(0.0);
        }
    }
    for &(day, packets) in days {
        if let Some(value) = place(day).and_then(|place| series.get_mut(place)) {
            #[expect(clippy::cast_precision_loss, reason = "its logarithm is taken")]
            let packets = packets as f64;
            *value = Some(packets.ln_1p());
        }
    }
    series
}

/// Each day with parts of its neighbours: visits that are a day early or late still meet.
fn blurred(series: &[Option<f64>]) -> Vec<Option<f64>> {
    let at = |place: Option<usize>| place.and_then(|place| series.get(place).copied().flatten()).unwrap_or(0.0);
    let near = |place: usize, distance: usize| at(place.checked_sub(distance)) + at(place.checked_add(distance));
    let blur = |(place, value): (usize, &Option<f64>)| {
        value.map(|value| value + NEXT_DAY * near(place, 1) + DAY_AFTER * near(place, 2))
    };
    series.iter().enumerate().map(blur).collect()
}

/// The shortest lag, from this one on, at which the series is like itself, and its autocorrelation.
#[expect(clippy::cast_precision_loss, reason = "there are few days")]
fn repeats(series: &[Option<f64>], shortest: usize) -> Option<(usize, f64)> {
    // Four visits are three times the lag and a day.
    let longest = LONGEST.min(series.len().saturating_sub(1) / 3);
    let correlations: Vec<(f64, usize)> = (0..=longest + 1).map(|lag| harmonics(series, lag)).collect();
    let peaks = (shortest..=longest).filter(|&lag| {
        let ((here, pairs), before, after) = (correlations[lag], correlations[lag - 1].0, correlations[lag + 1].0);
        here >= LEAST.max(CHANCE / (pairs as f64).sqrt()) && here >= before && here >= after
    });
    let peaks: Vec<(usize, f64)> = peaks.map(|lag| (lag, correlations[lag].0)).collect();
    nearest(peaks)
}

/// The shortest of some lags that correlates nearly as well as the best.
fn nearest(mut lags: Vec<(usize, f64)>) -> Option<(usize, f64)> {
    lags.sort_unstable_by_key(|&(lag, _)| lag);
    let best = lags.iter().map(|&(_, correlation)| correlation).fold(0.0, f64::max);
    let (lag, correlation) = lags.into_iter().find(|&(_, correlation)| correlation >= NEARLY * best)?;
    Some((lag, correlation.min(1.0)))
}

/// Mean of the autocorrelation at a lag and its multiples, up to three and up to two thirds of the series: what comes every week also
/// comes every second and third one, and chance seldom does. And the pairs of days at the lag itself.
#[expect(clippy::cast_precision_loss, reason = "there are three")]
fn harmonics(series: &[Option<f64>], lag: usize) -> (f64, usize) {
    let multiples = (1..=3).filter(|times| *times == 1 || times * lag <= series.len() * 2 / 3);
    let found: Vec<(f64, usize)> = multiples.map(|times| correlation(series, times * lag)).collect();
    (found.iter().map(|(correlation, _)| correlation).sum::<f64>() / found.len() as f64, found[0].1)
}

/// Autocorrelation at a lag, over the pairs of days that are both known; and how many pairs those are.
#[expect(clippy::cast_precision_loss, reason = "there are few days")]
fn correlation(series: &[Option<f64>], lag: usize) -> (f64, usize) {
    let known: Vec<f64> = series.iter().copied().flatten().collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    let variance = known.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / known.len() as f64;
    let pairs = series.iter().zip(series.iter().skip(lag)).filter_map(|(left, right)| Some(((*left)?, (*right)?)));
    let (sum, count) =
        pairs.fold((0.0, 0_usize), |(sum, count), (left, right)| (sum + (left - mean) * (right - mean), count + 1));
    if count == 0 || variance <= f64::EPSILON { (0.0, 0) } else { (sum / count as f64 / variance, count) }
}

#[cfg(test)]
mod tests {
    use jiff::{ToSpan as _, civil::date};

    use super::*;

    const YEAR: i32 = 365;

    fn day(number: i32) -> Date {
        date(2019, 1, 1) + number.days()
    }

    fn all() -> Vec<Date> {
        (0..YEAR).map(day).collect()
    }

    fn of(days: impl IntoIterator<Item = i32>) -> Cadence {
        let mut days: Vec<i32> = days.into_iter().filter(|day| (0..YEAR).contains(day)).collect();
        days.sort_unstable();
        days.dedup();
        Cadence::of(&days.iter().map(|&number| (day(number), 1_000)).collect::<Vec<_>>(), &all())
    }

    /// Numbers that look like chance and are always the same (Knuth's MMIX).
    fn chance(seed: u64) -> impl FnMut(i32) -> i32 {
        let mut state = seed;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i32::try_from(state >> 33).unwrap() % below
        }
    }

    fn is_weekly(cadence: Cadence) -> bool {
        matches!(cadence, Cadence::Weekly { .. })
    }

    #[test]
    fn the_cadence_of_a_survey_is_found() {
        assert_eq!(of([40]), Cadence::Once);
        assert_eq!(of(40..45), Cadence::Once);
        assert_eq!(of(0..YEAR), Cadence::Daily);
        assert_eq!(of((0..100).filter(|day| day % 10 != 3)), Cadence::Daily);
        assert!(is_weekly(of((0..YEAR).step_by(7))));
        assert!(is_weekly(of((3..30).step_by(7))), "four visits are enough");
        assert!(is_weekly(of((0..52).flat_map(|week| [week * 7, week * 7 + 1]))), "a visit of two days");
        assert!(matches!(of((0..YEAR).step_by(2)), Cadence::Every { days: 2, .. }));
        assert!(matches!(of((0..YEAR).step_by(14)), Cadence::Every { days: 14, .. }));
        assert!(matches!(of((0..YEAR).step_by(30)), Cadence::Every { days: 30, .. }));
        assert_eq!(of([3, 90]), Cadence::Irregular);
    }

    #[test]
    fn a_week_is_about_a_week() {
        for seed in 0..200 {
            let mut chance = chance(seed);
            let early_or_late = of((0..52).map(|week| week * 7 + 1 + chance(3) - 1));
            assert!(is_weekly(early_or_late), "seed {seed}: {early_or_late:?}");
            let with_strays = of((0..52).map(|week| week * 7).chain([chance(YEAR), chance(YEAR), chance(YEAR)]));
            assert!(is_weekly(with_strays), "seed {seed}: {with_strays:?}");
        }
    }

    #[test]
    fn chance_is_seldom_a_cadence() {
        let mut found = 0;
        for seed in 0..1_000 {
            let mut chance = chance(seed);
            let visits = 5 + chance(60);
            let cadence = of((0..visits).map(|_| chance(YEAR)));
            found += u32::from(cadence != Cadence::Irregular);
        }
        assert!(found <= 10, "{found} of 1,000");
    }

    #[test]
    fn days_without_an_archive_are_not_days_without_visits() {
        let known: Vec<Date> =
            (0..YEAR).filter(|number| !(60..90).contains(number) && number % 11 != 0).map(day).collect();
        let visits: Vec<(Date, u64)> =
            (0..YEAR).step_by(7).map(day).filter(|day| known.contains(day)).map(|day| (day, 50)).collect();
        assert!(is_weekly(Cadence::of(&visits, &known)), "{:?}", Cadence::of(&visits, &known));
        let visits: Vec<(Date, u64)> = known.iter().map(|&day| (day, 1)).collect();
        assert_eq!(Cadence::of(&visits, &known), Cadence::Daily);
    }

    #[test]
    fn what_is_overdue_has_stopped() {
        let weekly = Cadence::Weekly { correlation: 1.0 };
        assert_eq!(weekly.status(day(0), day(12)), ActivityStatus::Active);
        assert_eq!(weekly.status(day(0), day(13)), ActivityStatus::Stopped);
        assert_eq!(Cadence::Daily.status(day(0), day(3)), ActivityStatus::Stopped);
        assert_eq!(Cadence::Every { days: 30, correlation: 1.0 }.status(day(0), day(46)), ActivityStatus::Active);
        assert_eq!(Cadence::Once.status(day(0), day(0)), ActivityStatus::Active);
    }
}
