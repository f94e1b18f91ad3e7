//! Spans of days, and how they are cut into buckets. All days are days of UTC, as the folders of the archive are.

use std::{fmt, str::FromStr};

use jiff::{ToSpan as _, civil::Date};
use serde::{Serialize, Serializer};

/// From the first day to the last one, both in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// First day.
    pub first: Date,
    /// Last day, not before the first.
    pub last: Date,
}

impl Period {
    /// Whether a day lies in it.
    pub fn contains(&self, day: Date) -> bool {
        (self.first..=self.last).contains(&day)
    }
}

impl FromStr for Period {
    type Err = String;

    /// Reads a year, a month, a day, or two of them with `..` between: `2019`, `2019-07`, `2019-07-01..2019-09-30`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let wrong = || "write it as 2019, 2019-07, 2019-07-15 or 2019-07-01..2019-09-30".to_owned();
        let (first, _) = span(from).ok_or_else(wrong)?;
        let (_, last) = span(to).ok_or_else(wrong)?;
        if first <= last { Ok(Self { first, last }) } else { Err("it ends before it begins".to_owned()) }
    }
}

/// First and last day of a year, a month or a day.
fn span(text: &str) -> Option<(Date, Date)> {
    let is_dates = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let first = match (text.len(), is_dates) {
        (4, true) => format!("{text}-01-01"),
        (7, true) => format!("{text}-01"),
        (10, true) => text.to_owned(),
        _ => return None,
    };
    let first: Date = first.parse().ok()?;
    let last = match text.len() {
        4 => first.last_of_year(),
        7 => first.last_of_month(),
        _ => first,
    };
    Some((first, last))
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} to {}", self.first, self.last)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq([self.first, self.last])
    }
}

/// How long a bucket of time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Midnight to midnight, UTC
    Day,
    /// Monday to Sunday
    Week,
    /// First to last of a month
    Month,
    /// 1 January to 31 December
    Year,
}

impl Step {
    /// The first day of the bucket that a day is in.
    pub fn start(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            // Before the first week that can be written, the first day that can.
            Self::Week => day.checked_sub(i64::from(day.weekday().to_monday_zero_offset()).days()).unwrap_or(Date::MIN),
            Self::Month => day.first_of_month(),
            Self::Year => day.first_of_year(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_period_is_a_year_a_month_a_day_or_from_one_to_another() {
        let period = |text: &str| text.parse::<Period>().map(|period| (period.first, period.last));
        assert_eq!(period("2019"), Ok((date(2019, 1, 1), date(2019, 12, 31))));
        assert_eq!(period("2020-02"), Ok((date(2020, 2, 1), date(2020, 2, 29))));
        assert_eq!(period("2019-07-15"), Ok((date(2019, 7, 15), date(2019, 7, 15))));
        assert_eq!(period("2018-12..2019"), Ok((date(2018, 12, 1), date(2019, 12, 31))));
        for wrong in
            ["", "19", "2019-13", "2019-02-30", "2019..2018", "2019-07-15T00", "-001", "2019...2020", "２０１９"]
        {
            assert!(period(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!(Step::Week.start(date(2019, 1, 6)), date(2018, 12, 31));
        assert_eq!(Step::Week.start(date(2019, 1, 7)), date(2019, 1, 7));
        assert_eq!(Step::Month.start(date(2019, 7, 31)), date(2019, 7, 1));
        assert_eq!(Step::Year.start(date(2019, 7, 31)), date(2019, 1, 1));
    }
}
