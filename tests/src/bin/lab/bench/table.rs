//! Numbers, and how they are shown: as text for people, as JSON for scripts.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// Several measurements of the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Summary {
    /// Of these numbers, of which there is at least one.
    pub(crate) fn of(mut numbers: Vec<f64>) -> Self {
        numbers.sort_unstable_by(f64::total_cmp);
        Self { median: numbers[numbers.len() / 2], least: numbers[0], most: numbers[numbers.len() - 1] }
    }

    /// Times `work` in milliseconds, `rounds` times after one to warm up.
    pub(crate) fn time(rounds: u32, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Self> {
        work()?;
        let times = (0..rounds).map(|_| {
            let start = Instant::now();
            work().map(|()| ms(start.elapsed()))
        });
        Ok(Self::of(times.collect::<Result<_, _>>()?))
    }
}

/// Milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A count, as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "nothing here counts to 2^53")]
pub(crate) const fn number(count: u64) -> f64 {
    count as f64
}

/// What a column says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// The key in JSON.
    key: &'static str,
    /// What stands above it.
    heading: &'static str,
    decimals: usize,
}

/// A column of numbers with so many decimals.
pub(crate) const fn column(key: &'static str, heading: &'static str, decimals: usize) -> Column {
    Column { key, heading, decimals }
}

/// What stands in a row under a column.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Number(f64),
    Text(String),
    /// There is nothing to say.
    Empty,
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Number(number(count))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Cell {
    fn from(holds: bool) -> Self {
        Self::Text(if holds { "yes" } else { "NO" }.to_owned())
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(cell: Option<T>) -> Self {
        cell.map_or(Self::Empty, Into::into)
    }
}

/// A table of one measurement.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    key: String,
    title: String,
    columns: &'static [Column],
    rows: Vec<(String, Vec<Cell>)>,
    notes: Vec<String>,
}

impl Table {
    /// A table without rows. `key` names it in JSON.
    pub(crate) fn new(key: impl Into<String>, title: impl Into<String>, columns: &'static [Column]) -> Self {
        Self { key: key.into(), title: title.into(), columns, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row, with a cell for every column.
    pub(crate) fn row(&mut self, name: impl Into<String>, cells: impl IntoIterator<Item = Cell>) {
        let cells: Vec<Cell> = cells.into_iter().collect();
        assert_eq!(cells.len(), self.columns.len(), "a cell for every column");
        self.rows.push((name.into(), cells));
    }

    /// Adds a sentence below the rows.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// The same for scripts.
    pub(crate) fn json(&self) -> serde_json::Value {
        let rows = self.rows.iter().map(|(name, cells)| {
            let cells = self.columns.iter().zip(cells).map(|(column, cell)| {
                let value = match cell {
                    Cell::Number(number) => (*number).into(),
                    Cell::Text(text) => text.as_str().into(),
                    Cell::Empty => serde_json::Value::Null,
                };
                (column.key.to_owned(), value)
            });
            let name = ("name".to_owned(), name.as_str().into());
            std::iter::once(name).chain(cells).collect::<serde_json::Map<_, _>>().into()
        });
        serde_json::json!({
            "table": self.key,
            "title": self.title,
            "rows": rows.collect::<Vec<serde_json::Value>>(),
            "notes": self.notes,
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<(&str, Vec<String>)> = self
            .rows
            .iter()
            .map(|(name, cells)| {
                let cells = self.columns.iter().zip(cells).map(|(column, cell)| match cell {
                    Cell::Number(number) => format!("{number:.*}", column.decimals),
                    Cell::Text(text) => text.clone(),
                    Cell::Empty => String::new(),
                });
                (name.as_str(), cells.collect())
            })
            .collect();
        let width = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
        let first = width(&mut shown.iter().map(|(name, _)| *name));
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| width(&mut shown.iter().map(|(_, cells)| cells[at].as_str()).chain([column.heading])))
            .collect();
        writeln!(f, "{}\n", self.title)?;
        write!(f, "  {:<first$}", "")?;
        for (column, width) in self.columns.iter().zip(&widths) {
            write!(f, "  {:>width$}", column.heading)?;
        }
        for (name, cells) in &shown {
            write!(f, "\n  {name:<first$}")?;
            for (cell, width) in cells.iter().zip(&widths) {
                write!(f, "  {cell:>width$}")?;
            }
        }
        writeln!(f)?;
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}
