//! The days of a report in its time zone, and the buckets that they fall into.

use jiff::{ToSpan as _, civil::Date, tz::TimeZone};

use crate::period::{Period, Step};

/// The days of a period, in a time zone.
#[derive(Clone, Debug)]
pub(super) struct Days {
    /// From the first to the last.
    pub(super) period: Period,
    /// Where they begin and end.
    pub(super) zone: TimeZone,
}

/// One day.
#[derive(Clone, Debug)]
pub(super) struct Day {
    /// Its date in the zone.
    pub(super) date: Date,
    /// Where it begins, in milliseconds since 1970.
    pub(super) from: i64,
    /// Where the next one begins.
    pub(super) to: i64,
}

impl Day {
    /// The dates in UTC that it reaches into.
    pub(super) fn utc_dates(&self) -> anyhow::Result<Vec<Date>> {
        let (first, last) = (utc_date(self.from)?, utc_date(self.to - 1)?);
        Ok(first.series(1.day()).take_while(|date| *date <= last).collect())
    }

    /// The rows of this day by their time in a column, as SQL. A day that is a date in UTC has its files to itself.
    pub(super) fn rows(&self, column: &str) -> String {
        const DAY: i64 = 86_400_000;
        if self.from % DAY == 0 && self.to - self.from == DAY {
            return "TRUE".into();
        }
        between(column, self.from, self.to)
    }
}

/// Rows whose time in a column is from one time to before another, as SQL.
fn between(column: &str, from: i64, to: i64) -> String {
    let time = |at: i64| format!("arrow_cast({at}, 'Timestamp(Millisecond, Some(\"UTC\"))')");
    format!("\"{column}\" >= {} AND \"{column}\" < {}", time(from), time(to))
}

fn utc_date(at: i64) -> anyhow::Result<Date> {
    Ok(jiff::Timestamp::from_millisecond(at)?.to_zoned(TimeZone::UTC).date())
}

impl Days {
    /// Each of them.
    pub(super) fn all(&self) -> anyhow::Result<Vec<Day>> {
        let begin =
            |date: Date| anyhow::Ok(date.to_zoned(self.zone.clone())?.start_of_day()?.timestamp().as_millisecond());
        let day = |date: Date| Ok(Day { date, from: begin(date)?, to: begin(date.tomorrow()?)? });
        self.dates().map(day).collect()
    }

    /// The dates in UTC that they reach into.
    pub(super) fn utc_dates(&self) -> anyhow::Result<Vec<Date>> {
        let mut dates = Vec::new();
        for day in self.all()? {
            dates.extend(day.utc_dates()?);
        }
        dates.dedup();
        Ok(dates)
    }

    /// Rows whose time in a column lies in them, as SQL.
    pub(super) fn rows(&self, column: &str) -> anyhow::Result<String> {
        let days = self.all()?;
        let (from, to) = days.first().zip(days.last()).map_or((0, 0), |(first, last)| (first.from, last.to));
        Ok(between(column, from, to))
    }

    /// The first day of each bucket.
    pub(super) fn buckets(&self, bucket: Step) -> Vec<Date> {
        let mut buckets: Vec<_> = self.dates().map(|date| bucket.start(date)).collect();
        buckets.dedup();
        buckets
    }

    fn dates(&self) -> impl Iterator<Item = Date> {
        let Period { first, last } = self.period;
        first.series(1.day()).take_while(move |date| *date <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(period: &str, zone: &str) -> Days {
        Days { period: period.parse().unwrap(), zone: TimeZone::get(zone).unwrap() }
    }

    #[test]
    fn days_follow_the_time_zone_over_a_change_of_the_clock() {
        let berlin = days("2019-03-30..2019-04-01", "Europe/Berlin").all().unwrap();
        let hours: Vec<_> = berlin.iter().map(|day| (day.to - day.from) / 3_600_000).collect();
        assert_eq!(hours, [24, 23, 24]);
        assert_eq!(berlin[0].utc_dates().unwrap().len(), 2);
        assert!(berlin[0].rows("time").contains("\"time\" >="));
        let utc = days("2019-03-30", "UTC").all().unwrap();
        assert_eq!((utc[0].utc_dates().unwrap().len(), utc[0].rows("time").as_str()), (1, "TRUE"));
    }

    #[test]
    fn buckets_begin_where_their_first_day_does() {
        let january = days("2019-01", "UTC");
        let weeks: Vec<_> = january.buckets(Step::Week).iter().map(ToString::to_string).collect();
        assert_eq!(weeks, ["2018-12-31", "2019-01-07", "2019-01-14", "2019-01-21", "2019-01-28"]);
        assert_eq!(january.buckets(Step::Month).len(), 1);
        assert_eq!(days("2019", "UTC").buckets(Step::Day).len(), 365);
    }
}
