//! Logs of other honeypots as one type of event: JSON lines of Cowrie and Dionaea, and CSV tables of Cowrie sessions.
//!
//! Files are streamed, plain or gzip-compressed, and their format is detected. Unreadable lines are counted and skipped, because a
//! log that was rotated or copied while in use begins and ends with partial lines.

mod cowrie;
mod dionaea;
mod lines;
mod table;
mod time;

use std::{
    collections::VecDeque,
    io::{self, Read},
    net::IpAddr,
};

use cowrie::Sessions;
use lines::{Line, Lines};
use serde::{Deserialize, de::IgnoredAny};
use table::Columns;

/// Maximum number of captured bytes per connection, as in a sensor.
pub const MAX_TEXT: usize = 512;

/// A connection, or a login on one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Start time, milliseconds since 1970-01-01 UTC.
    pub time_ms: i64,
    /// Source address. IPv4-mapped IPv6 addresses are converted to IPv4.
    pub src: IpAddr,
    /// Source port, if the log has it.
    pub src_port: Option<u16>,
    /// Port of the honeypot, if the log has it; it may differ from the port seen on the Internet.
    pub dst_port: Option<u16>,
    /// Service name in the log, such as `telnet`.
    pub protocol: Option<String>,
    /// Set if this observation is a login; its connection is a separate observation.
    pub login: Option<Login>,
    /// Commands and download URLs that the connection sent, one per line; the first [`MAX_TEXT`] bytes. Input of
    /// [`crate::Signatures::classify`].
    pub text: Vec<u8>,
}

/// Attempted credentials: attacker-controlled text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// Whether the honeypot accepted the login, if the log has it.
    pub accepted: Option<bool>,
}

/// Totals of what was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogCounts {
    /// Lines that are not empty.
    pub lines: u64,
    /// Observations that are connections.
    pub connections: u64,
    /// Observations that are logins.
    pub logins: u64,
    /// Lines about other events, such as key exchanges.
    pub others: u64,
    /// Unreadable lines.
    pub broken: u64,
    /// The first unreadable line: its number in its file, from 1, and the reason.
    pub first_broken: Option<(u64, String)>,
}

/// Reads logs in sequence: a session may begin in one file and end in the next.
#[derive(Debug, Default)]
pub struct LogReader {
    sessions: Sessions,
    counts: LogCounts,
    ready: VecDeque<Observation>,
}

impl LogReader {
    /// A reader without state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a log to its end. A connection is yielded when it closes, so connections are not ordered by start time.
    ///
    /// # Errors
    /// Returns an error if the input cannot be read. The iterator ends with an error if reading fails later or if the format of the
    /// first line is unknown.
    pub fn read<'r>(&'r mut self, input: impl Read + 'r) -> io::Result<Observations<'r>> {
        Ok(Observations { reader: self, lines: Some(Lines::new(input)?), format: None })
    }

    /// The connections that no log closed.
    pub fn finish(&mut self) -> impl Iterator<Item = Observation> {
        let open = self.sessions.take_all();
        self.counts.connections += open.len() as u64;
        open.into_iter()
    }

    /// Totals so far.
    pub fn counts(&self) -> &LogCounts {
        &self.counts
    }

    /// Reads one line.
    fn line(&mut self, line: &[u8], format: &mut Option<Format>) -> Result<(), Failure> {
        match format {
            None => {
                *format = Some(Format::of(line)?);
                match format {
                    Some(Format::Json) => self.json(line),
                    // The header line.
                    _ => Ok(()),
                }
            }
            Some(Format::Json) => self.json(line),
            Some(Format::Table(columns)) => {
                let observation = columns.row(line).map_err(Failure::Line)?;
                self.ready.push_back(observation);
                Ok(())
            }
        }
    }

    fn json(&mut self, line: &[u8]) -> Result<(), Failure> {
        let kind: Kind = serde_json::from_slice(line).map_err(|error| Failure::Line(error.to_string()))?;
        let is_of_interest = match kind {
            Kind { eventid: Some(event), .. } => self.sessions.event(&event, line, &mut self.ready),
            Kind { connection: Some(_), .. } => dionaea::connection(line, &mut self.ready),
            Kind { .. } => Err("the event is from neither Cowrie nor Dionaea".to_owned()),
        };
        if !is_of_interest.map_err(Failure::Line)? {
            self.counts.others += 1;
        }
        Ok(())
    }
}

/// Scope of an error.
enum Failure {
    /// One line is unreadable.
    Line(String),
    /// The file is unreadable.
    File(io::Error),
}

/// The format of a file.
enum Format {
    Json,
    Table(Columns),
}

impl Format {
    /// Detects the format from the first line.
    fn of(first: &[u8]) -> Result<Self, Failure> {
        if first.starts_with(b"{") {
            return Ok(Self::Json);
        }
        let columns = Columns::of(first).ok_or_else(|| {
            let what =
                "not a log of Cowrie or Dionaea: expected JSON lines, or a CSV table with the columns start_time and src_ip";
            Failure::File(io::Error::new(io::ErrorKind::InvalidData, what))
        })?;
        Ok(Self::Table(columns))
    }
}

/// Keys that identify the program that wrote a line.
#[derive(Deserialize)]
struct Kind {
    eventid: Option<String>,
    connection: Option<IgnoredAny>,
}

/// The observations of one log.
pub struct Observations<'r> {
    reader: &'r mut LogReader,
    /// `None` after the end of the log.
    lines: Option<Lines<'r>>,
    format: Option<Format>,
}

impl Iterator for Observations<'_> {
    type Item = io::Result<Observation>;

    fn next(&mut self) -> Option<io::Result<Observation>> {
        loop {
            if let Some(observation) = self.reader.ready.pop_front() {
                match observation.login {
                    Some(_) => self.reader.counts.logins += 1,
                    None => self.reader.counts.connections += 1,
                }
                return Some(Ok(observation));
            }
            let lines = self.lines.as_mut()?;
            let (number, read) = match lines.next() {
                Ok(Some(Line::Whole(number, line))) => (number, self.reader.line(line, &mut self.format)),
                Ok(Some(Line::TooLong(number))) => {
                    (number, Err(Failure::Line("the line is longer than 1 MiB".to_owned())))
                }
                Ok(None) => {
                    self.lines = None;
                    continue;
                }
                Err(error) => {
                    self.lines = None;
                    return Some(Err(error));
                }
            };
            let counts = &mut self.reader.counts;
            counts.lines += 1;
            match read {
                Ok(()) => {}
                Err(Failure::Line(why)) => {
                    counts.broken += 1;
                    counts.first_broken.get_or_insert((number, why));
                }
                Err(Failure::File(error)) => {
                    self.lines = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Appends a line to the captured text, up to [`MAX_TEXT`] bytes.
fn add_line(text: &mut Vec<u8>, line: &str) {
    if !text.is_empty() && text.len() < MAX_TEXT {
        text.push(b'\n');
    }
    text.extend(line.bytes().take(MAX_TEXT - text.len()));
}

/// Parses an address.
fn address(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| format!("{text:?} is not an address"))?;
    Ok(address.to_canonical())
}
