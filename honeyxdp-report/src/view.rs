//! Numbers and tables as people read them.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

/// Columns of a table that goes into a file.
const WIDE: u16 = 160;

/// With a comma every three digits: `1,234,567`.
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

/// `part` of `whole`, from 0 to 1; nothing of nothing.
pub fn share(part: u64, whole: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a share has few digits")]
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A share as a percentage with two decimals, `-` where there is none.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", share * 100.0))
}

/// A table without lines, as wide as the terminal.
pub fn table(header: &[&str]) -> Table {
    // Asked for where there is a terminal alone: elsewhere crossterm starts tput to find out.
    let width =
        if io::stdout().is_terminal() { crossterm::terminal::size().map_or(WIDE, |(width, _)| width) } else { WIDE };
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header(header.to_vec());
    table
}

/// A cell whose text stands on the right.
pub fn right(text: impl Into<String>) -> Cell {
    Cell::new(text.into()).set_alignment(CellAlignment::Right)
}

/// Prints to standard output; that a reader such as `head` has gone away is no failure.
///
/// # Errors
///
/// Where standard output takes no more.
pub fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!(count(999), "999");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(percent(share(2_000, 100_000)), "2.00 %");
        assert_eq!(percent(share(0, 0)), "-");
    }
}
