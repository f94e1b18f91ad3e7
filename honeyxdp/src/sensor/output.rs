//! Output of a running sensor.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _},
};

use anyhow::Context as _;
use honeyxdp_common::Disposition;

use super::drain::{Drain, Drained};
use crate::{
    kernel::Installation,
    logging,
    snapshot::{Snapshot, store::Store},
    view::{self, Room, Screen},
};

/// A live table on a terminal, lines elsewhere, or nothing.
pub(super) struct Output {
    live: bool,
    quiet: bool,
    screen: Option<Screen>,
}

impl Output {
    pub(super) fn new(quiet: bool, traces: bool) -> Self {
        // Traces and JSON cannot share a terminal with a live table.
        let shared = !logging::is_for_people() && io::stderr().is_terminal();
        logging::never_wait();
        let live = !quiet && !traces && io::stdout().is_terminal() && !shared;
        Self { live, quiet, screen: None }
    }

    pub(super) const fn is_live(&self) -> bool {
        self.screen.is_some()
    }

    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        if self.live {
            self.screen = Some(Screen::enter().context("cannot draw on this terminal; try --quiet")?);
            logging::hold();
        }
        Ok(())
    }

    pub(super) fn stop(&mut self) {
        self.screen = None;
        logging::release();
    }

    pub(super) fn installed(&self, installation: &Installation) {
        let (program, _) = installation.program_id();
        if installation.resumed() {
            let since = installation.started_at();
            self.note(format!("going on with what is pinned: the program has counted since {since:.0}"));
        }
        for (_, attachment) in installation.attachments() {
            if let Some(reason) = &attachment.fallback {
                self.warn(format!("{reason}; attached in generic mode instead, which costs more per packet"));
            }
            self.note(format!("attached to {} ({}), program {program}", attachment.interface.name, attachment.mode));
        }
    }

    /// Logs a message. The live table shows it at its foot.
    pub(super) fn note(&self, text: impl Display) {
        tracing::info!("{text}");
    }

    /// Logs a warning, even when quiet.
    pub(super) fn warn(&self, text: impl Display) {
        tracing::warn!("{text}");
    }

    /// Logs a warning, if there is one.
    pub(super) fn warn_if(&mut self, text: Option<String>) {
        text.into_iter().for_each(|text| self.warn(text));
    }

    /// Draws the live table. Counting continues without a terminal.
    pub(super) async fn draw(&mut self, drain: &Drain) {
        if !logging::takes(io::stdout()) {
            return;
        }
        let drained = match drain.look().await {
            Ok(drained) => drained,
            Err(error) => return self.warn(format!("{error:#}")),
        };
        drained.warning.into_iter().for_each(|warning| self.warn(warning));
        let drawn = self.screen.as_ref().map(|screen| screen.show(&drained.snapshot, &logging::notices()));
        if let Some(Err(error)) = drawn {
            self.stop();
            self.warn(format!("the live table ends, because the terminal cannot be written: {error}"));
        }
    }

    pub(super) fn interval(&mut self, Drained { snapshot, warning, .. }: Drained) {
        let left_out = logging::left_out();
        if left_out > 0 {
            self.warn(format!("{left_out} lines were left out here, because nobody read them; counting went on"));
        }
        warning.into_iter().for_each(|warning| self.warn(warning));
        if !self.quiet && self.screen.is_none() {
            print_interval(&snapshot);
        }
    }

    pub(super) fn end(&mut self, Drained { snapshot: last, warning, .. }: Drained, store: &Store, pinned: bool) {
        warning.into_iter().for_each(|warning| self.warn(warning));
        if self.quiet {
            return;
        }
        if self.live {
            logging::print(&format!("{}\n", view::table(&last, Room::of_stdout())));
        } else {
            print_interval(&last);
        }
        let newest = store.newest();
        let newest = newest.display();
        if pinned {
            self.note(format_args!(
                "the program stays attached and goes on counting, until `honeyxdp detach`; the last snapshot is {newest}"
            ));
        } else {
            self.note(format_args!("detached; the last snapshot is {newest}"));
        }
    }
}

/// Prints the line of an interval: as text, or as a log record with numbers.
fn print_interval(snapshot: &Snapshot) {
    let line = view::line(snapshot);
    if logging::is_for_people() {
        logging::print(&line);
    } else {
        let frames = &snapshot.interval.frames;
        let syns = frames.dispositions.get(Disposition::Syn.name()).copied().unwrap_or(0);
        tracing::info!(sequence = snapshot.sequence, frames = frames.seen, syns, "{line}");
    }
}
