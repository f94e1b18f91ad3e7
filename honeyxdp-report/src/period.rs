//! Spans of days, and how they are cut into buckets. All days are days of UTC, as the directories of the archive are.

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

    /// The one before it: of as many months when it is whole ones, else of as many days. `None` at the begin of time.
    pub fn before(&self) -> Option<Self> {
        let last = self.first.yesterday().ok()?;
        let first = if self.is_months() {
            self.first.checked_sub(self.months().months())
        } else {
            self.first.since(self.last).and_then(|back| self.first.checked_add(back)).and_then(Date::yesterday)
        };
        Some(Self { first: first.ok()?, last })
    }

    /// The shortest text that stands for it: `2019`, `2019-07`, `2019-07-15` or `2019-07-01..2019-09-30`.
    pub fn name(&self) -> String {
        match (self.is_months(), self.months()) {
            (true, 12) if self.first.month() == 1 => format!("{:04}", self.first.year()),
            (true, 1) => self.first.strftime("%Y-%m").to_string(),
            _ if self.first == self.last => self.first.to_string(),
            _ => format!("{}..{}", self.first, self.last),
        }
    }

    /// Whether it is whole months.
    fn is_months(&self) -> bool {
        self.first.day() == 1 && self.last == self.last.last_of_month()
    }

    /// How many months it reaches into.
    fn months(&self) -> i32 {
        let months = |date: Date| i32::from(date.year()) * 12 + i32::from(date.month());
        months(self.last) - months(self.first) + 1
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
    /// Midnight to midnight
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

    /// Its name, in SQL, too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
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
    fn the_period_before_is_of_the_same_kind() {
        for (text, expected) in [
            ("2019", "2018"),
            ("2020-03", "2020-02"),
            ("2019-01", "2018-12"),
            ("2019-01-01", "2018-12-31"),
            ("2019..2020", "2017-01-01..2018-12-31"),
            ("2019-04..2020-03", "2018-04-01..2019-03-31"),
            ("2019-02-01..2020-01", "2018-02-01..2019-01-31"),
            ("2019-01-08..2019-01-14", "2019-01-01..2019-01-07"),
        ] {
            let period: Period = text.parse().unwrap();
            let before = period.before().unwrap();
            assert_eq!((before.name().as_str(), before.last.tomorrow().unwrap()), (expected, period.first), "{text}");
            assert_eq!(period.name().parse(), Ok(period));
        }
        assert!("0000-01-01".parse::<Period>().unwrap().before().is_some());
        assert_eq!(Period { first: Date::MIN, last: Date::MIN }.before(), None);
    }

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!(Step::Week.start(date(2019, 1, 6)), date(2018, 12, 31));
        assert_eq!(Step::Week.start(date(2019, 1, 7)), date(2019, 1, 7));
        assert_eq!(Step::Month.start(date(2019, 7, 31)), date(2019, 7, 1));
        assert_eq!(Step::Year.start(date(2019, 7, 31)), date(2019, 1, 1));
    }
}
