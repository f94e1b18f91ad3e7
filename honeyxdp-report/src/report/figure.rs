//! Figures: what they show, and how they are made of the tables.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use super::{
    table::{Table, Value},
    text::Texts,
};
use crate::period::Step;

/// One line of the legend.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Series {
    /// What it is.
    pub(super) name: String,
    /// Colour as `#rrggbb`.
    pub(super) color: &'static str,
    /// One count per bucket.
    pub(super) values: Vec<u64>,
}

/// A figure: counts over time, one series on top of the other.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figure {
    /// Name of its files.
    pub(super) id: String,
    /// What stands above it.
    #[serde(skip)]
    pub(super) title: String,
    /// What is counted, and in how long.
    #[serde(skip)]
    pub(super) axis: String,
    /// What is seen, in words.
    #[serde(skip)]
    pub(super) caption: String,
    /// The rules behind it, how certain they are, and what was lost: lines that stay with a picture that is published alone.
    #[serde(skip)]
    pub(super) notes: Vec<String>,
    /// The first day of each bucket.
    pub(super) buckets: Vec<String>,
    /// From the bottom to the top.
    pub(super) series: Vec<Series>,
}

/// Colours that differ for most kinds of colour blindness and on white and black: Okabe and Ito's, and Tol's muted ones.
const COLORS: [&str; 12] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#882255", "#6f5fc0", "#8c5a3c",
    "#44aa99", "#aa4499",
];
/// The kinds of a source, from the bottom to the top; any other has the place of the empty one.
const KINDS: [&str; 7] = ["mirai", "hajime", "qbot", "mozi", "", "tool", "unknown"];
/// The rest.
const GREY: &str = "#8a8f98";

impl Figure {
    /// The sum of each bucket.
    pub(super) fn sums(&self) -> Vec<u64> {
        (0..self.buckets.len()).map(|at| self.series.iter().map(|series| series.values[at]).sum()).collect()
    }

    /// The highest stack.
    pub(super) fn top(&self) -> u64 {
        self.sums().into_iter().max().unwrap_or(0)
    }

    /// The first of the highest stacks, if there is anything: its bucket and how high it is.
    pub(super) fn peak(&self) -> Option<(usize, u64)> {
        let sums = self.sums().into_iter().enumerate().filter(|(_, sum)| *sum > 0);
        sums.max_by_key(|(at, sum)| (*sum, std::cmp::Reverse(*at)))
    }
}

/// How a figure's rows are picked from a table.
pub(super) struct Pick<'a> {
    /// Name of the figure's files.
    pub(super) id: String,
    /// What stands above it.
    pub(super) title: String,
    /// What is counted.
    pub(super) unit: &'static str,
    /// Where, if not everywhere.
    pub(super) place: Option<&'a str>,
    /// Column and text that a row must have.
    pub(super) only: Vec<(&'a str, &'a str)>,
    /// The column that names the series, if there is more than one.
    pub(super) series: Option<&'a str>,
    /// The column of the counts.
    pub(super) value: &'a str,
}

/// A figure of a table with the column `bucket`. Series stand in the order of their sums, kinds in one of their own;
/// the rest, which the table has no name for, is on top.
pub(super) fn of(table: &Table, pick: Pick, step: Step, buckets: &[Date], texts: &Texts) -> anyhow::Result<Figure> {
    let (bucket, value) = (table.column("bucket")?, table.column(pick.value)?);
    let series = pick.series.map(|name| table.column(name)).transpose()?;
    let only =
        pick.only.iter().map(|(name, text)| Ok((table.column(name)?, *text))).collect::<anyhow::Result<Vec<_>>>()?;
    let places: BTreeMap<String, usize> = buckets.iter().map(Date::to_string).zip(0..).collect();
    let mut counts: BTreeMap<Option<String>, Vec<u64>> = BTreeMap::new();
    for row in &table.rows {
        if only.iter().any(|(column, text)| row[*column].text() != *text) {
            continue;
        }
        let name = match series.map(|column| &row[column]) {
            None => Some(String::new()),
            Some(Value::None) => None,
            Some(value) => Some(value.text()),
        };
        if let Some(place) = places.get(&row[bucket].text()) {
            counts.entry(name).or_insert_with(|| vec![0; buckets.len()])[*place] += row[value].count();
        }
    }
    let mut sorted: Vec<_> = counts.into_iter().collect();
    // The same kind has the same place in all figures, and what has no mark is above what has.
    let kind = |name: &Option<String>| match (pick.series, name.as_deref()) {
        (Some("kind"), Some(name)) => {
            let place = |name| KINDS.iter().position(|kind| *kind == name);
            place(name).or_else(|| place(""))
        }
        (Some("family"), Some("other")) => Some(0),
        _ => None,
    };
    sorted.sort_by_key(|(name, values)| (name.is_none(), kind(name), std::cmp::Reverse(values.iter().sum::<u64>())));
    fold(&mut sorted);
    let series = sorted
        .into_iter()
        .enumerate()
        .map(|(place, (name, values))| Series {
            color: match name.as_deref() {
                None | Some("unknown" | "other") => GREY,
                Some(_) => COLORS[place % COLORS.len()],
            },
            name: match (name, pick.series) {
                (None, _) => texts.others.into(),
                (Some(_), None) => pick.unit.into(),
                (Some(name), Some("kind")) => texts.kind(&name).into(),
                (Some(name), Some("family")) => texts.family(&name).into(),
                (Some(name), _) => name,
            },
            values,
        })
        .collect();
    Ok(Figure {
        id: pick.id,
        title: pick.title,
        axis: texts.axis(pick.unit, step, pick.place),
        caption: String::new(),
        notes: Vec::new(),
        buckets: buckets.iter().map(Date::to_string).collect(),
        series,
    })
}

/// Gives a name that is in several figures the same colour in each of them.
pub(super) fn match_colors<'a>(figures: impl Iterator<Item = &'a mut Figure>) {
    let mut known: BTreeMap<String, &'static str> = BTreeMap::new();
    for figure in figures {
        let mut free: Vec<&'static str> = COLORS.to_vec();
        let mut later = Vec::new();
        for series in figure.series.iter_mut().filter(|series| series.color != GREY) {
            match known.get(&series.name) {
                Some(color) if free.contains(color) => {
                    series.color = color;
                    free.retain(|free| free != color);
                }
                _ => later.push(series),
            }
        }
        for (series, color) in later.into_iter().zip(free) {
            series.color = color;
            known.entry(series.name.clone()).or_insert(color);
        }
    }
}

/// A series and its counts; without a name it is the rest.
type Counts = (Option<String>, Vec<u64>);

/// Lets no more series than there are colours stand; the last ones join the rest.
fn fold(sorted: &mut Vec<Counts>) {
    let named = sorted.iter().filter(|(name, _)| name.is_some()).count();
    if named <= COLORS.len() {
        return;
    }
    let folded = sorted.split_off(COLORS.len());
    let sums = folded.into_iter().map(|(_, values)| values).reduce(|mut sums, values| {
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        sums
    });
    sorted.extend(sums.map(|sums| (None, sums)));
}

/// A text from the archive as a part of a file's name.
pub(super) fn file_name(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// Steps of an axis from 0 that read well: 1, 2 or 5 times a power of ten, five or so.
pub(super) fn steps(top: u64) -> Vec<u64> {
    let top = top.max(1);
    let powers = std::iter::successors(Some(1u64), |power| power.checked_mul(10));
    let step = powers
        .flat_map(|power| [1, 2, 5].map(|factor| power.saturating_mul(factor)))
        .find(|step| top / step <= 5)
        .unwrap_or(top);
    (0..=top.div_ceil(step)).map(|at| at.saturating_mul(step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_read_well_and_reach_the_top() {
        assert_eq!(steps(0), [0, 1]);
        assert_eq!(steps(5), [0, 1, 2, 3, 4, 5]);
        assert_eq!(steps(42_000), [0, 10_000, 20_000, 30_000, 40_000, 50_000]);
        for top in [1, 7, 99, 101, 123_456, 10_000_000_000] {
            let steps = steps(top);
            assert!(*steps.last().unwrap() >= top && (2..=7).contains(&steps.len()), "{top}: {steps:?}");
        }
    }

    #[test]
    fn more_series_than_colours_join_the_rest() {
        let mut counts: Vec<Counts> = (0..14).map(|name: u64| (Some(name.to_string()), vec![1, name])).collect();
        counts.push((None, vec![1, 100]));
        fold(&mut counts);
        assert_eq!(counts.len(), COLORS.len() + 1);
        assert_eq!(counts.last(), Some(&(None, vec![3, 12 + 13 + 100])));
    }

    #[test]
    fn a_name_has_one_colour_in_all_figures() {
        let figure = |names: &[&str]| Figure {
            id: String::new(),
            title: String::new(),
            axis: String::new(),
            caption: String::new(),
            notes: vec![],
            buckets: vec![],
            series: (names.iter().zip(COLORS))
                .map(|(name, color)| Series { name: (*name).into(), color, values: vec![] })
                .collect(),
        };
        let mut figures = [figure(&["23", "80"]), figure(&["7547", "80", "23"])];
        match_colors(figures.iter_mut());
        let colors: Vec<Vec<_>> =
            figures.iter().map(|figure| figure.series.iter().map(|series| series.color).collect()).collect();
        assert_eq!(colors, [vec![COLORS[0], COLORS[1]], vec![COLORS[2], COLORS[1], COLORS[0]]]);
    }

    #[test]
    fn names_from_the_archive_are_no_paths() {
        assert_eq!(file_name("../../etc/<x>"), "______etc__x_");
    }
}
