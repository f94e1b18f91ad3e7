//! Numbers and durations for people.

use std::time::Duration;

use jiff::SignedDuration;

/// A number with a comma every three digits: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration with its units: `1h 30m`.
pub fn duration(duration: Duration) -> String {
    SignedDuration::try_from(duration).map_or_else(|_| format!("{duration:?}"), |duration| format!("{duration:#}"))
}

/// A rate per second, with one decimal below ten; `-` if `seconds` is 0.
pub fn rate(number: u64, seconds: f64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "what is shown has three digits")]
    let per_second = number as f64 / seconds;
    if !per_second.is_finite() {
        "-".to_owned()
    } else if number == 0 {
        "0".to_owned()
    } else if per_second < 10.0 {
        format!("{per_second:.1}")
    } else {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive and rounded")]
        count(per_second.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_threes() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration(Duration::from_secs(5400)), "1h 30m");
        assert_eq!(duration(Duration::from_millis(1500)), "1s 500ms");
    }

    #[test]
    fn a_rate_over_no_time_is_none() {
        assert_eq!(rate(5, 0.0), "-");
        assert_eq!(rate(0, 10.0), "0");
        assert_eq!(rate(5, 10.0), "0.5");
        assert_eq!(rate(12_345, 1.0), "12,345");
    }
}
