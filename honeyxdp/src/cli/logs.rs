//! Logs, on the command line.

use crate::logging::{Choice, Level};

/// What is logged, and how.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct LogArgs {
    /// How the log is written to standard error: as text, as JSON lines, or for the journal of systemd. auto: as text to
    /// a terminal, for the journal if standard error leads there, else as JSON lines
    #[arg(
        long,
        value_name = "auto|text|json|journald",
        env = "HONEYXDP_LOG_FORMAT",
        default_value = "auto",
        hide_possible_values = true
    )]
    log_format: Choice,
    /// What is logged: this and what is worse
    #[arg(
        long,
        value_name = "error|warn|info|debug|trace",
        env = "HONEYXDP_LOG",
        default_value = "info",
        hide_possible_values = true
    )]
    log_level: Level,
}

impl LogArgs {
    /// From now on logs go where these say. A quiet sensor speaks of warnings and errors only.
    pub(super) fn start(&self, quiet: bool) {
        let level = if quiet { self.log_level.min(Level::Warn) } else { self.log_level };
        crate::logging::start(self.log_format, level);
    }
}
