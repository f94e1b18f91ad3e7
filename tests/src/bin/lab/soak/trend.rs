//! Whether a figure grows.

use std::time::Duration;

use super::figures::{Figures, KINDS, Kind, Rule};

/// Fewer samples than this say nothing.
const SAMPLES: usize = 6;
/// A process takes this long to have what it needs: memory of younger ones is not judged.
const OLD: Duration = Duration::from_secs(300);

/// What became of a figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It keeps to its rule.
    Good,
    /// It does not: a sentence.
    Bad(String),
    /// Not judged: why.
    Open(&'static str),
}

/// A figure over a run.
#[derive(Clone, Debug)]
pub(crate) struct Trend {
    pub(crate) kind: Kind,
    pub(crate) first: u64,
    pub(crate) median: u64,
    pub(crate) last: u64,
    pub(crate) most: u64,
    /// Change in an hour, by least squares over the samples that are judged.
    pub(crate) slope: f64,
    pub(crate) verdict: Verdict,
}

/// The trends of all figures. `steady` is since when one process stayed.
pub(crate) fn trends(samples: &[Figures], steady: Duration) -> Vec<Trend> {
    let kinds = KINDS.iter().enumerate();
    kinds.filter_map(|(at, kind)| trend(*kind, at, samples, steady)).collect()
}

fn trend(kind: Kind, at: usize, samples: &[Figures], steady: Duration) -> Option<Trend> {
    let (first, last) = (samples.first()?, samples.last()?);
    let all: Vec<u64> = samples.iter().map(|sample| sample.values[at]).collect();
    let judged: Vec<&Figures> = match kind.rule {
        Rule::OfLastProcess(..) => {
            samples.iter().filter(|sample| sample.pid == last.pid && sample.at >= steady).collect()
        }
        _ => samples.iter().collect(),
    };
    let values: Vec<u64> = judged.iter().map(|sample| sample.values[at]).collect();
    let age = last.at.saturating_sub(steady);
    let verdict = match kind.rule {
        Rule::Free => Verdict::Open("it may grow"),
        Rule::Zero if all.iter().all(|&value| value == 0) => Verdict::Good,
        Rule::Zero => Verdict::Bad(format!("{} were there", all.iter().max().unwrap_or(&0))),
        Rule::OfLastProcess(..) if age < OLD => Verdict::Open("one process for less than five minutes"),
        _ if values.len() < SAMPLES => Verdict::Open("too few samples"),
        Rule::OfLastProcess(percent, more) | Rule::OfAll(percent, more) => flat(&values, percent, more),
    };
    Some(Trend {
        kind,
        first: first.values[at],
        median: median(&all),
        last: last.values[at],
        most: all.iter().copied().max().unwrap_or(0),
        slope: slope(&judged, at),
        verdict,
    })
}

/// The last third against the one before it.
fn flat(values: &[u64], percent: u64, more: u64) -> Verdict {
    let third = values.len() / 3;
    let last = median(&values[values.len() - third..]);
    let before = median(&values[values.len() - 2 * third..values.len() - third]);
    let limit = before + before * percent / 100 + more;
    if last <= limit {
        Verdict::Good
    } else {
        Verdict::Bad(format!("it grew from {before} to {last}, and {limit} is the limit"))
    }
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// Least squares, per hour.
fn slope(samples: &[&Figures], at: usize) -> f64 {
    let points: Vec<(f64, f64)> =
        samples.iter().map(|sample| (sample.at.as_secs_f64() / 3_600.0, sample.values[at] as f64)).collect();
    let number = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / number;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let square: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    if square > 0.0 { points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / square } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample a minute of one process, with this in every figure.
    fn samples(value: impl Fn(u64) -> u64) -> Vec<Figures> {
        let sample =
            |minute| Figures { at: Duration::from_secs(60 * minute), pid: 1, values: [value(minute); KINDS.len()] };
        (0..30).map(sample).collect()
    }

    fn of(name: &str, samples: &[Figures]) -> Trend {
        trends(samples, Duration::ZERO).into_iter().find(|trend| trend.kind.name == name).unwrap()
    }

    #[test]
    fn a_leak_is_found_and_noise_is_none() {
        const MIB: u64 = 1 << 20;
        // It warms up, and then it goes up and down by 2 MiB.
        let steady = samples(|minute| 100 * MIB - 60 * MIB / (minute + 1) + (minute % 3) * MIB);
        assert_eq!(of("RSS", &steady).verdict, Verdict::Good);
        let leak = samples(|minute| 100 * MIB + 2 * minute * MIB);
        let found = of("RSS", &leak);
        assert!(matches!(found.verdict, Verdict::Bad(_)), "{found:?}");
        assert!((found.slope / MIB as f64 - 120.0).abs() < 0.01, "{found:?}");
        // Peaks that do not stay.
        let peak = samples(|minute| if minute % 10 == 9 { 300 * MIB } else { 100 * MIB });
        assert_eq!(of("RSS", &peak).verdict, Verdict::Good);
    }

    #[test]
    fn one_handle_in_ten_minutes_is_found() {
        assert_eq!(of("file handles", &samples(|minute| 20 + minute % 2)).verdict, Verdict::Good);
        assert!(matches!(of("maps", &samples(|minute| 20 + minute / 10)).verdict, Verdict::Bad(_)));
        assert!(matches!(of("file handles", &samples(|minute| 20 + minute / 3)).verdict, Verdict::Bad(_)));
        let once = samples(|minute| u64::from(minute == 3));
        assert!(matches!(of("forgotten maps and programs", &once).verdict, Verdict::Bad(_)));
    }

    #[test]
    fn too_little_is_not_judged() {
        let few = &samples(|_| 1)[..5];
        assert_eq!(of("file handles", few).verdict, Verdict::Open("too few samples"));
        assert_eq!(of("RSS", few).verdict, Verdict::Open("one process for less than five minutes"));
        let mut young = samples(|minute| minute << 30);
        young.iter_mut().take(26).for_each(|sample| sample.pid = 2);
        assert!(matches!(of("PSS", &young).verdict, Verdict::Open(_)));
    }
}
