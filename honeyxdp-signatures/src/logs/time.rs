//! Times as honeypots write them.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Reads an ISO 8601 time, UTC where it names no zone, as milliseconds since 1970.
///
/// # Errors
/// When it is none, in words.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    let zoned = text.parse::<Timestamp>();
    let time = zoned.or_else(|_| text.parse::<DateTime>()?.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()));
    time.map(Timestamp::as_millisecond).map_err(|_| format!("{text:?} is no time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_a_zone_and_without_one() {
        for text in [
            "2019-11-05T12:00:00.250000Z",
            "2019-11-05T12:00:00.250999",
            "2019-11-05T21:00:00.250+09:00",
            "2019-11-05T21:00:00.250000+0900",
            "2019-11-05 12:00:00.25",
        ] {
            assert_eq!(parse(text), Ok(1_572_955_200_250), "{text}");
        }
        for text in ["", "yesterday", "2019-13-05T12:00:00Z", "1572955200", "2019-11-05T12:00:00 JST"] {
            assert_eq!(parse(text), Err(format!("{text:?} is no time")));
        }
    }
}
