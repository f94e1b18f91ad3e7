//! The live table on a terminal.

use std::io::{self, Write as _};

use crossterm::{
    cursor, execute, queue,
    style::Print,
    terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen},
};

use super::table::{Room, table};
use crate::{logging, snapshot::Snapshot};

/// How many of the last notices stay on the screen.
const NOTICES: usize = 3;

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
        // Notices go first when the terminal is small: they say what is wrong.
        let notices: Vec<&str> = notices.iter().rev().take(NOTICES).rev().map(String::as_str).collect();
        let below = u16::try_from(notices.len()).unwrap_or(0) + 2;
        let text = table(snapshot, Room { width, height: Some(height.saturating_sub(below)) });
        let mut lines: Vec<&str> = text.lines().collect();
        lines.truncate(usize::from(height.saturating_sub(below)));
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
        // Nothing is left to do about a terminal that is gone, or held (Ctrl-S).
        if !logging::takes(io::stdout()) {
            return;
        }
        let _ = execute!(io::stdout(), cursor::Show, LeaveAlternateScreen);
    }
}
