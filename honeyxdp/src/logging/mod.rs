//! What a sensor says of itself: text for people, JSON lines or the journal for machines.
//!
//! Everything goes through tracing, and everything that it prints is escaped: messages can hold names and text that others
//! wrote. A log that nobody reads any more never stops the sensor.

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

/// Target of single SYNs that `--trace-matches` shows. They are logged at every level.
pub const MARK: &str = "honeyxdp::mark";

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// As text to a terminal, for the journal if standard error leads there, else as JSON lines.
    Auto,
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
    /// As sd-daemon(3) has it: text with the priority before it. The journal adds the time.
    Journald,
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Level {
    /// What ends the sensor.
    Error,
    /// What is wrong.
    Warn,
    /// What it does.
    Info,
    /// How it does that.
    Debug,
    /// Every step.
    Trace,
}

/// What was chosen. Until then errors are for people.
static FORMAT: OnceLock<Choice> = OnceLock::new();
/// Whether nobody chose it.
static BY_DEFAULT: OnceLock<bool> = OnceLock::new();

/// Begins to log, for the whole process. The first call decides.
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
    // Libraries say what goes wrong; the rest of what they say is for whoever looks for an error in them.
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
    // What libraries say by the crate log comes here too. Whoever embeds this may have a log of its own: then it stays.
    let _ = tracing_subscriber::util::SubscriberInitExt::try_init(subscriber);
}

/// Whether the log is text for people, and so shares their terminal.
pub fn is_for_people() -> bool {
    matches!(FORMAT.get(), None | Some(Choice::Text))
}

/// Reports the error that ends the process: as every command does, or in the log format that was asked for.
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

/// systemd names the stream that leads to the journal by device and inode; a redirection has another one.
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
