//! The sensor's log: text for people, JSON lines or the journal for machines.
//!
//! All messages go through tracing and are escaped, because they can contain names and text that others
//! wrote. A log that nobody reads does not block the sensor.

mod reader;
mod text;
mod writer;

use std::{
    env,
    io::{self, IsTerminal as _},
    os::{fd::AsFd as _, linux::fs::MetadataExt as _},
    sync::OnceLock,
};

use tracing_subscriber::{Layer as _, filter::Targets, fmt, layer::SubscriberExt as _};

pub use reader::{left_out, never_wait, print, takes};
pub use writer::{hold, notices, release};

use self::{
    text::{Style, Text},
    writer::{Notices, Stream},
};

/// Target of the SYNs that `--trace-matches` logs, at every level.
pub const MARK: &str = "honeyxdp::mark";

/// Log format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// As text to a terminal, for the journal if standard error leads there, else as JSON lines.
    Auto,
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
    /// Text with a priority prefix, as in sd-daemon(3). The journal adds the time.
    Journald,
}

/// Minimum severity to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Level {
    /// Errors that end the sensor.
    Error,
    /// Warnings and errors.
    Warn,
    /// Actions of the sensor.
    Info,
    /// Details of each action.
    Debug,
    /// Every step.
    Trace,
}

/// The chosen format; text for people until one is chosen.
static FORMAT: OnceLock<Choice> = OnceLock::new();
/// Whether no format was chosen.
static BY_DEFAULT: OnceLock<bool> = OnceLock::new();

/// Starts logging for the whole process. Later calls have no effect.
pub fn start(choice: Choice, level: Level) {
    let format = match choice {
        Choice::Auto if stderr_is_the_journal() => Choice::Journald,
        Choice::Auto if io::stderr().is_terminal() => Choice::Text,
        Choice::Auto => Choice::Json,
        choice => choice,
    };
    if FORMAT.set(format).is_err() {
        return;
    }
    let _ = BY_DEFAULT.set(choice == Choice::Auto);
    // Warnings of libraries are always logged, other messages of theirs only at the level of debugging.
    let libraries = if level == Level::Trace { level } else { level.min(Level::Warn) };
    let filter = Targets::new()
        .with_default(level_filter(libraries))
        .with_target("honeyxdp", level_filter(level))
        .with_target(MARK, level_filter(Level::Info.max(level)));
    let layer = fmt::layer().log_internal_errors(false).with_ansi(false);
    let stream = match format {
        Choice::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_writer(Stream::Json)
            .boxed(),
        Choice::Journald => layer.event_format(Text(Style::Journal)).with_writer(Stream::Stderr).boxed(),
        _ => layer.event_format(Text(Style::People)).with_writer(Stream::People).boxed(),
    };
    let people = fmt::layer().log_internal_errors(false).with_ansi(false);
    let notices = people.event_format(Text(Style::People)).with_writer(Notices);
    let subscriber = tracing_subscriber::registry().with(stream.and_then(notices).with_filter(filter));
    // Messages of the crate `log` come here too, unless an embedding program has set its own logger.
    let _ = tracing_subscriber::util::SubscriberInitExt::try_init(subscriber);
}

/// Whether the log is text, and so shares the terminal.
pub fn is_for_people() -> bool {
    matches!(FORMAT.get(), None | Some(Choice::Text))
}

/// Reports the error that ends the process, in the log format or else as every command does.
pub fn failed(error: &anyhow::Error) {
    let is_default = BY_DEFAULT.get().copied().unwrap_or(true) && FORMAT.get() != Some(&Choice::Journald);
    if is_for_people() || is_default {
        honeyxdp_cli::fail("honeyxdp", error);
    } else {
        honeyxdp_cli::describe(error).lines().for_each(|line| tracing::error!("{line}"));
    }
}

const fn level_filter(level: Level) -> tracing_subscriber::filter::LevelFilter {
    use tracing_subscriber::filter::LevelFilter;
    match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    }
}

/// systemd names the journal's stream by device and inode; a redirected stream has others.
fn stderr_is_the_journal() -> bool {
    let Ok(named) = env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(owned) = io::stderr().as_fd().try_clone_to_owned() else {
        return false;
    };
    let metadata = std::fs::File::from(owned).metadata();
    metadata.is_ok_and(|metadata| named == format!("{}:{}", metadata.st_dev(), metadata.st_ino()))
}
