//! The live table on a terminal.

use std::io::{self, Write as _};

use crossterm::{
    cursor, execute, queue,
    style::Print,
    terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen},
};

use super::table::{Room, table};
use crate::{logging, snapshot::Snapshot};

/// Number of notices on the screen.
const NOTICES: usize = 3;

/// The terminal's alternate screen. Dropping it restores the main screen.
#[derive(Debug)]
pub struct Screen(());

impl Screen {
    /// Switches to the alternate screen.
    ///
    /// # Errors
    /// Returns an error if the terminal cannot be written.
    pub fn enter() -> io::Result<Self> {
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(Self(()))
    }

    /// Shows a snapshot, with the last notices below it.
    ///
    /// # Errors
    /// Returns an error if the terminal cannot be written.
    pub fn show(&self, snapshot: &Snapshot, notices: &[String]) -> io::Result<()> {
        let (width, height) = terminal::size().unwrap_or((100, 40));
        // Notices have precedence on a small terminal: they are warnings.
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
        // A terminal that is gone, or held by Ctrl-S, cannot be restored.
        if !logging::takes(io::stdout()) {
            return;
        }
        let _ = execute!(io::stdout(), cursor::Show, LeaveAlternateScreen);
    }
}
