//! How the sensors of a fleet are, by what is in their archive alone: which was up when, what was lost, and which one fell silent or
//! sees what the others do not.
//!
//! Everything comes from the accounts of intervals (docs/use/archive.md, `losses`): a sensor that counts writes them also when nobody
//! knocks.

mod judge;
mod read;
mod view;

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::Serialize;

pub use self::{read::read, view::table};

/// A fleet in a span of time.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// When it was judged.
    pub at: Timestamp,
    /// Where the span begins. It ends when it was judged.
    pub from: Timestamp,
    /// Its sensors, by site and id.
    pub sensors: Vec<Sensor>,
}

/// A sensor.
#[derive(Clone, Debug, Serialize)]
pub struct Sensor {
    /// Its id.
    pub sensor: String,
    /// Where it stands, as it said last.
    pub site: Option<String>,
    /// How it is.
    pub state: State,
    /// Begin of its first interval in the span.
    pub first: Timestamp,
    /// End of its last one.
    pub last: Timestamp,
    /// Seconds of the span that it counted in.
    pub counted_seconds: u64,
    /// Those since its first interval in which it did not.
    pub missing_seconds: u64,
    /// SYNs that were counted.
    pub syns: u64,
    /// Those of them that are in no row: lost, not sampled or not written.
    pub not_in_rows: u64,
    /// Times in which it did not count, longer than a minute, since its first interval. The last one may go on.
    pub gaps: Vec<Gap>,
    /// The days of the span, each with what it did.
    pub days: Vec<Day>,
}

/// How a sensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It counts.
    Up,
    /// Nothing came from it for longer than the limit.
    Silent,
}

/// A time in which a sensor did not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// End of the interval before it.
    pub from: Timestamp,
    /// Begin of the one after it, or when it was judged.
    pub to: Timestamp,
}

/// A date in UTC.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Day {
    /// Which.
    pub date: Date,
    /// Seconds in which it counted.
    pub counted_seconds: u64,
    /// SYNs, counted in the intervals that began on it.
    pub syns: u64,
    /// How many times as many SYNs a second as on its middle day, divided by the same of the middle sensor of that day: 1 is what the
    /// others see as well. Null with less than three sensors, three days or a thousand SYNs.
    pub against_others: Option<f64>,
}

impl Day {
    /// Whether the sensor saw four times as much or as little as the others' change explains.
    pub fn disagrees(&self) -> bool {
        self.against_others.is_some_and(|factor| !(0.25..=4.0).contains(&factor))
    }
}

/// Limits of the judgement.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A sensor that said nothing for so long is silent. Intervals without rows are written up to 60 intervals later.
    pub silent: SignedDuration,
}
