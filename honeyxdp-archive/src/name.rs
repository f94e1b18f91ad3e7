//! Names of files, which say what stands in for what.

use std::{fmt, str::FromStr};

/// The highest level of compaction: a day.
pub(crate) const DAY: u8 = 2;
/// The level between: an hour.
pub(crate) const HOUR: u8 = 1;

/// Name of a file: `<sensor>-<first>-<last>-<level>.parquet`.
///
/// A writer gives every file a number that is greater than all before, with `first == last` and level 0. A file that was
/// merged from others bears the range of their numbers and a higher level. So **a file stands in for every file of the same
/// directory and sensor whose level is lower and whose numbers are within its own**: those are left over from a compaction that
/// was killed, and are to be read by nobody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    /// Id of the sensor, in characters that are good in names of files.
    pub sensor: String,
    /// The lowest number.
    pub first: u64,
    /// The highest number.
    pub last: u64,
    /// Level of compaction: 0 as written, 1 an hour, 2 a day.
    pub level: u8,
}

impl FileName {
    /// Whether this file holds everything that `other` holds.
    pub fn stands_in_for(&self, other: &Self) -> bool {
        self.sensor == other.sensor
            && self.level > other.level
            && (self.first..=self.last).contains(&other.first)
            && (self.first..=self.last).contains(&other.last)
    }

    /// Of each of some names of one directory, the one among them that stands in for it.
    pub fn stand_ins<'a>(names: impl Iterator<Item = &'a Self> + Clone) -> Vec<Option<Self>> {
        // Those that could stand in for others are few.
        let merged: Vec<&Self> = names.clone().filter(|name| name.level > 0).collect();
        names.map(|name| merged.iter().find(|other| other.stands_in_for(name)).map(|&name| name.clone())).collect()
    }

    /// A sensor's id as names of files have it: letters, digits, `_` and `.`; everything else becomes `_`.
    pub fn sensor_of(id: &str) -> String {
        let good = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
        let name: String = id.chars().map(good).take(64).collect();
        // A leading dot would hide the file from everybody, a leading underscore from Spark and pandas.
        if name.starts_with(char::is_alphanumeric) { name } else { format!("s{name}") }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sensor, first, last, level } = self;
        write!(f, "{sensor}-{first:015}-{last:015}-{level}.parquet")
    }
}

/// It is no name of a file of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidFileName;

impl FromStr for FileName {
    type Err = InvalidFileName;

    fn from_str(text: &str) -> Result<Self, InvalidFileName> {
        let stem = text.strip_suffix(".parquet").ok_or(InvalidFileName)?;
        let mut parts = stem.rsplitn(4, '-');
        let mut part = || parts.next().ok_or(InvalidFileName);
        let level = part()?.parse().map_err(|_| InvalidFileName)?;
        let last = part()?.parse().map_err(|_| InvalidFileName)?;
        let first = part()?.parse().map_err(|_| InvalidFileName)?;
        let name = Self { sensor: part()?.to_owned(), first, last, level };
        // Only what is written like this: two spellings would be two files with one meaning.
        if name.to_string() == text && first <= last { Ok(name) } else { Err(InvalidFileName) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written_and_nothing_else_is_a_name() {
        let name = FileName { sensor: "tokyo_1".to_owned(), first: 7, last: 12, level: 1 };
        assert_eq!(name.to_string(), "tokyo_1-000000000000007-000000000000012-1.parquet");
        assert_eq!(name.to_string().parse(), Ok(name));
        for wrong in ["", "a.parquet", "a-7-12-1.parquet", "a-000000000000012-000000000000007-1.parquet", ".x.tmp"] {
            assert_eq!(wrong.parse::<FileName>(), Err(InvalidFileName), "{wrong}");
        }
    }

    #[test]
    fn a_merged_file_stands_in_for_what_is_in_its_range_and_nothing_else() {
        let name = |sensor: &str, first, last, level| FileName { sensor: sensor.to_owned(), first, last, level };
        let hour = name("a", 10, 20, 1);
        assert!(hour.stands_in_for(&name("a", 10, 10, 0)) && hour.stands_in_for(&name("a", 20, 20, 0)));
        assert!(name("a", 5, 30, 2).stands_in_for(&hour));
        for other in
            [name("b", 10, 10, 0), name("a", 9, 9, 0), name("a", 21, 21, 0), name("a", 12, 15, 1), hour.clone()]
        {
            assert!(!hour.stands_in_for(&other), "{other}");
        }
    }

    #[test]
    fn ids_of_sensors_make_names_that_cannot_leave_the_directory() {
        for id in ["../../etc/passwd", "a/b", ".hidden", "", "ü\u{0}-x"] {
            let sensor = FileName::sensor_of(id);
            assert!(sensor.starts_with(char::is_alphanumeric) && !sensor.contains('/'), "{sensor}");
            let name = FileName { sensor, first: 1, last: 1, level: 0 };
            assert_eq!(name.to_string().parse(), Ok(name));
        }
    }
}
