//! Timestamps of honeypot logs.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Parses an ISO 8601 time as milliseconds since 1970-01-01 UTC. A time without a zone is UTC.
///
/// # Errors
/// Returns a message if the text is not a time.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    let zoned = text.parse::<Timestamp>();
    let time = zoned.or_else(|_| text.parse::<DateTime>()?.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()));
    time.map(Timestamp::as_millisecond).map_err(|_| format!("{text:?} is not a time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_times_with_and_without_zone() {
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
            assert_eq!(parse(text), Err(format!("{text:?} is not a time")));
        }
    }
}
