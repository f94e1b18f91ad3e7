//! Flags about the log.

use crate::logging::{Choice, Level};

/// Severity and format of the log.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct LogArgs {
    /// Format of the log on standard error: text, JSON lines, or the systemd journal's. auto: text on a terminal, the journal's
    /// if standard error leads there, otherwise JSON lines
    #[arg(
        long,
        value_name = "auto|text|json|journald",
        env = "HONEYXDP_LOG_FORMAT",
        default_value = "auto",
        hide_possible_values = true
    )]
    log_format: Choice,
    /// Minimum severity to log
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
    /// Starts the log. A quiet sensor logs warnings and errors only.
    pub(super) fn start(&self, quiet: bool) {
        let level = if quiet { self.log_level.min(Level::Warn) } else { self.log_level };
        crate::logging::start(self.log_format, level);
    }
}
