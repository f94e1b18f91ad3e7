//! Log events as one line of text.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use super::MARK;

/// Style of a line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    /// Actions as plain text, warnings and errors with the time.
    People,
    /// With a priority prefix of syslog(3).
    Journal,
}

/// Writes events in this style.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text(pub(super) Style);

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = *event.metadata().level();
        let is_mark = event.metadata().target() == MARK;
        match self.0 {
            Style::Journal => write!(writer, "<{}>{}", priority(level), if is_mark { "mark " } else { "" })?,
            Style::People if is_mark => write!(writer, "{:.0} mark ", Timestamp::now())?,
            Style::People if level == Level::INFO => {}
            Style::People => write!(writer, "{:.0} {}: ", Timestamp::now(), word(level))?,
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        writeln!(writer, "{}{}", escaped(&fields.message), escaped(&fields.others))
    }
}

/// syslog(3): error, warning, info, debug.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        _ => "trace",
    }
}

#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            // Fields that the bridge from the crate `log` adds.
            name if name.starts_with("log.") => Ok(()),
            name => write!(self.others, " {name}={value:?}"),
        };
    }
}

/// Whether a character moves the cursor, starts a line, or changes the text direction.
pub(super) fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Text on one line, without characters that control a terminal.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_dangerous(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_stays_on_its_line_and_does_nothing_to_a_terminal() {
        assert_eq!(escaped("über eth0 is gone: \"x\""), "über eth0 is gone: \"x\"");
        assert_eq!(escaped("a\nb\x1b[2J\u{9b}31m\u{202e}c\x7f"), "a\\nb\\u{1b}[2J\\u{9b}31m\\u{202e}c\\u{7f}");
    }
}
