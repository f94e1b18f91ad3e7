//! What a running sensor shows.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use jiff::Timestamp;

use super::{Args, drain::Drain};
use crate::{
    cli::snapshot::terminal_width,
    kernel::Attachment,
    snapshot::{Snapshot, store::Store},
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
        let live = !args.quiet && args.trace_marks.is_none() && std::io::stdout().is_terminal();
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
            println!("{text}");
        }
        self.notices.push(text);
    }

    /// Something that is wrong: said even when quiet.
    pub(super) fn warn(&mut self, text: String) {
        if self.screen.is_none() {
            eprintln!("honeyxdp: warning: {text}");
        }
        self.notices.push(format!("{:.0} warning: {text}", Timestamp::now()));
    }

    pub(super) fn draw(&mut self, drain: &mut Drain<'_>) -> anyhow::Result<()> {
        if let Some(screen) = &self.screen {
            screen.show(&drain.look(), &self.notices).context("the terminal cannot be written")?;
        }
        Ok(())
    }

    pub(super) fn interval(&self, snapshot: &Snapshot) {
        if !self.quiet && self.screen.is_none() {
            println!("{}", view::line(snapshot));
        }
    }

    pub(super) fn end(&self, last: &Snapshot, store: &Store) {
        if self.quiet {
            return;
        }
        if self.live {
            println!("{}\n", view::table(last, terminal_width()));
        } else {
            println!("{}", view::line(last));
        }
        println!("detached; the last snapshot is {}", store.newest().display());
    }
}
