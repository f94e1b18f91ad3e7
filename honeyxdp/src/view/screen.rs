//! The live table on a terminal.

use std::io::{self, Write as _};

use crossterm::{
    cursor, execute, queue,
    style::Print,
    terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen},
};

use super::table::table;
use crate::snapshot::Snapshot;

/// A terminal's second screen. Dropping it brings the first one back, with all that stood there.
#[derive(Debug)]
pub struct Screen(());

impl Screen {
    /// Switches to the second screen.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn enter() -> io::Result<Self> {
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(Self(()))
    }

    /// Shows a snapshot, with the last of the notices below it.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn show(&self, snapshot: &Snapshot, notices: &[String]) -> io::Result<()> {
        let (width, height) = terminal::size().unwrap_or((100, 40));
        let text = table(snapshot, width);
        let mut lines: Vec<&str> = text.lines().collect();
        let notices: Vec<&str> = notices.iter().rev().take(4).rev().map(String::as_str).collect();
        // Notices go first when the terminal is small: they say what is wrong.
        lines.truncate(usize::from(height).saturating_sub(notices.len() + 2));
        lines.push("");
        lines.extend(notices);

        let mut out = io::stdout().lock();
        queue!(out, cursor::MoveTo(0, 0))?;
        for line in lines {
            let line: String = line.chars().take(usize::from(width)).collect();
            queue!(out, Print(line), Clear(ClearType::UntilNewLine), Print("\r\n"))?;
        }
        queue!(out, Clear(ClearType::FromCursorDown))?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing is left to do about a terminal that is gone.
        let _ = execute!(io::stdout(), cursor::Show, LeaveAlternateScreen);
    }
}
