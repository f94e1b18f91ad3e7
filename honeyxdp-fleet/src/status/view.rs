//! A status as people read it.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, Table, presets};
use jiff::{SignedDuration, tz::TimeZone};

use super::{Day, Sensor, State, Status};

/// Gaps of a sensor that are named.
const MOST_GAPS: usize = 5;

/// The sensors as a table, a line each, and below it what is to be looked at.
pub fn table(status: &Status) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["site", "sensor", "state", "last interval", "counted", "SYNs", "not in rows", "days"]);
    for sensor in &status.sensors {
        let number = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let state = match sensor.state {
            State::Up => "up".to_owned(),
            State::Silent => format!("silent for {}", shown(status.at.duration_since(sensor.last))),
        };
        table.add_row(vec![
            Cell::new(sensor.site.as_deref().unwrap_or("-").escape_debug()),
            Cell::new(sensor.sensor.escape_debug()),
            Cell::new(state),
            Cell::new(format!("{:.0}", sensor.last)),
            number(share(sensor.counted_seconds, sensor.counted_seconds + sensor.missing_seconds)),
            number(sensor.syns.to_string()),
            number(share(sensor.not_in_rows, sensor.syns)),
            Cell::new(sensor.days.iter().map(|day| mark(day, status)).collect::<String>()),
        ]);
    }
    let mut text = format!("{table}\n");
    text += "days: # counted, + more than half of it, - less, . nothing, ! counted, and not what the others see\n";
    for sensor in &status.sensors {
        findings(sensor, &mut text);
    }
    text
}

/// What is to be looked at.
fn findings(sensor: &Sensor, text: &mut String) {
    let name = sensor.sensor.escape_debug();
    // A String takes everything.
    for gap in sensor.gaps.iter().take(MOST_GAPS) {
        let length = shown(gap.to.duration_since(gap.from));
        let _ = writeln!(text, "{name}: nothing counted from {:.0} to {:.0}, {length}", gap.from, gap.to);
    }
    if sensor.gaps.len() > MOST_GAPS {
        let _ = writeln!(text, "{name}: and {} more such times", sensor.gaps.len() - MOST_GAPS);
    }
    for day in sensor.days.iter().filter(|day| day.disagrees()) {
        let factor = day.against_others.unwrap_or(1.0);
        let (factor, what) = if factor > 1.0 { (factor, "more") } else { (1.0 / factor, "fewer") };
        let _ = writeln!(
            text,
            "{name}: {} times {what} SYNs on {} than its usual and the others tell",
            factor.round(),
            day.date
        );
    }
}

fn mark(day: &Day, status: &Status) -> char {
    let begin = day.date.to_zoned(TimeZone::UTC).map(|begin| begin.timestamp());
    let end = day.date.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC)).map(|end| end.timestamp());
    let (Ok(begin), Ok(end)) = (begin, end) else { return '?' };
    let possible = end.min(status.at).duration_since(begin.max(status.from)).as_secs();
    let possible = u64::try_from(possible).unwrap_or(0);
    match day.counted_seconds {
        _ if day.disagrees() => '!',
        0 => '.',
        // An interval that is not over is not written yet.
        counted if counted * 100 >= possible * 98 || counted + 900 >= possible => '#',
        counted if counted * 2 > possible => '+',
        _ => '-',
    }
}

/// A share in percent, never 100 or 0 by rounding.
fn share(part: u64, whole: u64) -> String {
    let hundredths = (part * 10_000).checked_div(whole).unwrap_or(0);
    let hundredths = if part > 0 { hundredths.max(1) } else { 0 };
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

fn shown(time: SignedDuration) -> String {
    match time.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds if seconds < 7_200 => format!("{} min", seconds / 60),
        seconds if seconds < 172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_times_are_not_rounded_to_what_they_are_not() {
        assert_eq!([share(0, 0), share(0, 5), share(1, 1_000_000)], ["0.00 %", "0.00 %", "0.01 %"]);
        assert_eq!([share(999_999, 1_000_000), share(5, 5)], ["99.99 %", "100.00 %"]);
        assert_eq!(shown(SignedDuration::from_hours(47)), "47 h");
        assert_eq!(shown(SignedDuration::from_secs(119)), "119 s");
    }
}
