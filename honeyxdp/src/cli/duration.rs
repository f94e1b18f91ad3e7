//! Durations on the command line: `10s`, `5m`, `1h30m`.

use std::time::Duration;

use jiff::SignedDuration;

/// Minimum interval: shorter ones drain more often than anyone reads.
const SHORTEST: Duration = Duration::from_millis(100);
/// Maximum interval: a power failure loses at most this much.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// A longer history is an archive's task.
const MOST_KEPT: Duration = Duration::from_hours(8760);

/// Reads the length of an interval.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let signed: SignedDuration = text.parse().map_err(|_| "write it as 10s, 5m or 1h30m".to_owned())?;
    let duration = Duration::try_from(signed).map_err(|_| "it cannot be negative".to_owned())?;
    if (SHORTEST..=LONGEST).contains(&duration) { Ok(duration) } else { Err("it is from 100ms to 24h".to_owned()) }
}

/// Reads an age up to which something is kept; 0 keeps nothing.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let signed: SignedDuration = text.parse().map_err(|_| "write it as 1h, 24h or 0".to_owned())?;
    let age = Duration::try_from(signed).map_err(|_| "it cannot be negative".to_owned())?;
    if age <= MOST_KEPT { Ok(age) } else { Err("it is at most 8760h, a year".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_written_with_its_unit_and_within_bounds() {
        assert_eq!(interval("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(interval("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(interval("100ms"), Ok(Duration::from_millis(100)));
        for wrong in ["0s", "-5s", "10", "soon", "25h", "99999999999999999999s", ""] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_age_can_be_nothing() {
        assert_eq!(age("0"), Ok(Duration::ZERO));
        assert_eq!(age("24h"), Ok(Duration::from_secs(86_400)));
        for wrong in ["-5s", "10", "soon", "8761h", ""] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
