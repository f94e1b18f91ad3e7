//! What the engine's parts have to say, on standard error.

use log::{LevelFilter, Log, Metadata, Record};

use crate::escape;

/// Characters of a line: an error of a task has its whole plan.
const MOST: usize = 2_000;

struct ToStderr;

impl Log for ToStderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ballista")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let text = escape::short(&record.args().to_string(), MOST);
            eprintln!("honeyxdp-report: {}: {text}", record.level().as_str().to_lowercase());
        }
    }

    fn flush(&self) {}
}

/// Begins to write warnings and errors; with `all`, what happens otherwise as well.
pub(super) fn begin(all: bool) {
    log::set_max_level(if all { LevelFilter::Info } else { LevelFilter::Warn });
    // Only the first one counts, and it is this one.
    let _ = log::set_logger(&ToStderr);
}
