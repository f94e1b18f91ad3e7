//! What a running sensor shows.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use jiff::Timestamp;

use super::{
    Args,
    drain::{Drain, Drained},
};
use crate::{
    cli::snapshot::room,
    kernel::Attachment,
    snapshot::store::Store,
    view::{self, Screen},
};

/// What people see: a live table on a terminal, lines elsewhere, or nothing.
pub(super) struct Output {
    live: bool,
    quiet: bool,
    screen: Option<Screen>,
    notices: Vec<String>,
}

impl Output {
    pub(super) fn new(args: &Args) -> Self {
        // Log lines and a live table cannot share a terminal.
        let live = !args.quiet && args.traces() == 0 && io::stdout().is_terminal();
        Self { live, quiet: args.quiet, screen: None, notices: Vec::new() }
    }

    pub(super) const fn is_live(&self) -> bool {
        self.screen.is_some()
    }

    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        if self.live {
            self.screen = Some(Screen::enter().context("cannot draw on this terminal; try --quiet")?);
        }
        Ok(())
    }

    pub(super) fn stop(&mut self) {
        self.screen = None;
    }

    pub(super) fn attached(&mut self, attachment: &Attachment, program: u32) {
        if let Some(reason) = &attachment.fallback {
            self.warn(format!("{reason}; attached in generic mode instead, which costs more per packet"));
        }
        self.note(format!("attached to {} ({}), program {program}", attachment.interface.name, attachment.mode));
    }

    /// Something to know. The live table shows it at its foot.
    pub(super) fn note(&mut self, text: String) {
        if !self.quiet {
            print(&text);
        }
        self.notices.push(text);
    }

    /// Something that is wrong: said even when quiet.
    pub(super) fn warn(&mut self, text: String) {
        let line = format!("{:.0} warning: {text}", Timestamp::now());
        if self.screen.is_none() {
            // Where nobody reads any more, nothing can be said, and counting goes on.
            let _ = writeln!(io::stderr(), "{line}");
        }
        self.notices.push(line);
    }

    /// Draws the live table. A terminal that is gone is no reason to stop counting.
    pub(super) async fn draw(&mut self, drain: &Drain) {
        let drained = match drain.look().await {
            Ok(drained) => drained,
            Err(error) => return self.warn(format!("{error:#}")),
        };
        drained.warning.into_iter().for_each(|warning| self.warn(warning));
        let drawn = self.screen.as_ref().map(|screen| screen.show(&drained.snapshot, &self.notices));
        if let Some(Err(error)) = drawn {
            self.screen = None;
            self.warn(format!("the live table ends, because the terminal cannot be written: {error}"));
        }
    }

    pub(super) fn interval(&mut self, Drained { snapshot, warning, .. }: Drained) {
        warning.into_iter().for_each(|warning| self.warn(warning));
        if !self.quiet && self.screen.is_none() {
            print(&view::line(&snapshot));
        }
    }

    pub(super) fn end(&mut self, Drained { snapshot: last, warning, .. }: Drained, store: &Store) {
        warning.into_iter().for_each(|warning| self.warn(warning));
        if self.quiet {
            return;
        }
        if self.live {
            print(&format!("{}\n", view::table(&last, room())));
        } else {
            print(&view::line(&last));
        }
        print(&format!("detached; the last snapshot is {}", store.newest().display()));
    }
}

/// Prints a line. When its reader has gone away (`honeyxdp run | head`), the sensor goes on without.
fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}
