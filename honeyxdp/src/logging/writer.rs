//! Destinations of log lines: a stream, and the lines under the live table.

use std::{
    collections::VecDeque,
    io::{self, IsTerminal as _, Write},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::{MARK, reader, text::is_dangerous};

/// Number of lines kept for the live table.
const KEPT: usize = 16;

static LINES: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());
static HELD: AtomicBool = AtomicBool::new(false);

/// Reserves the terminal for a live table: nothing else is written to it until [`release`].
pub fn hold() {
    HELD.store(true, Ordering::Relaxed);
}

/// Releases the terminal.
pub fn release() {
    HELD.store(false, Ordering::Relaxed);
}

/// The last lines of the log, oldest first.
pub fn notices() -> Vec<String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

/// Keeps lines for the live table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notices;

impl Write for Notices {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(String::from_utf8_lossy(bytes).trim_end().to_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Notices {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

/// Destination of lines.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Standard error, as JSON.
    Json,
    /// Actions of the sensor to standard output, warnings and errors to standard error.
    People,
}

impl<'a> MakeWriter<'a> for Stream {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self {
        match self {
            Self::People if *meta.level() == Level::INFO && meta.target() != MARK => Self::Stdout,
            Self::People => Self::Stderr,
            stream => *stream,
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let held = HELD.load(Ordering::Relaxed);
        match self {
            Self::Stdout if held && io::stdout().is_terminal() => {}
            _ if held && io::stderr().is_terminal() => {}
            Self::Stdout => reader::write(io::stdout().lock(), bytes),
            Self::Json => reader::write(io::stderr().lock(), json(bytes).as_bytes()),
            Self::Stderr | Self::People => reader::write(io::stderr().lock(), bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Escapes the characters that JSON allows in strings and that control a terminal.
fn json(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let (line, end) = text.strip_suffix('\n').map_or((&*text, ""), |line| (line, "\n"));
    let mut safe = String::with_capacity(text.len());
    for character in line.chars() {
        if is_dangerous(character) {
            let mut units = [0; 2];
            safe.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            safe.push(character);
        }
    }
    safe + end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_json_and_does_nothing_to_a_terminal() {
        let message = "über \u{9b}31m \u{202e} \x1b[2J \x7f";
        let line = format!("{}\n", serde_json::json!({ "message": message }));
        let safe = json(line.as_bytes());
        assert!(!safe.trim_end().chars().any(is_dangerous), "{safe:?}");
        let read: serde_json::Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(read["message"], message);
    }
}
