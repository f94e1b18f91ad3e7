//! Logs of other honeypots: Cowrie's and Dionaea's lines of JSON, and a table of Cowrie's sessions, as one kind of event.
//!
//! Files are read as a stream, plain or packed with gzip; what is in them tells their format. Lines that cannot be read are counted
//! and left out, because a log that was rotated or copied while it was written begins and ends with parts of lines.

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

/// The most bytes of what was sent that are kept, as a sensor keeps them.
pub const MOST_TEXT: usize = 512;

/// A connection, or a login on one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When it began, milliseconds since 1970, UTC.
    pub time_ms: i64,
    /// Who connected. IPv4 addresses that were written as IPv6 ones are IPv4 again.
    pub src: IpAddr,
    /// Source port, if the log says it.
    pub sport: Option<u16>,
    /// Port of the honeypot, if the log says it; it may be another one than the Internet sees.
    pub dport: Option<u16>,
    /// Name of the service in the log, as `telnet`.
    pub protocol: Option<String>,
    /// The login, where this is one. The connection is another observation.
    pub login: Option<Login>,
    /// What the connection sent: commands, or addresses of downloads, a line each; the first [`MOST_TEXT`] bytes. Ask
    /// [`crate::Rules::label`] about it.
    pub text: Vec<u8>,
}

/// A name and a password that somebody tried; text of an attacker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Name.
    pub user: String,
    /// Password.
    pub password: String,
    /// Whether the honeypot let it in, if the log says it.
    pub accepted: Option<bool>,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines that are not empty.
    pub lines: u64,
    /// Observations that are connections.
    pub connections: u64,
    /// Observations that are logins.
    pub logins: u64,
    /// Lines about something else, as keys that were exchanged.
    pub others: u64,
    /// Lines that could not be read.
    pub broken: u64,
    /// The first of them: its number in its file, from 1 on, and why.
    pub first_broken: Option<(u64, String)>,
}

/// Reads logs, one after another: a session may begin in one file and end in the next.
#[derive(Debug, Default)]
pub struct Reader {
    sessions: Sessions,
    counts: Counts,
    ready: VecDeque<Observation>,
}

impl Reader {
    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a log from its beginning to its end. Connections come when they are over, so not in the order of their beginnings.
    ///
    /// # Errors
    /// When reading fails: at once, or as the last thing of the iterator, as when the first line is of no known format.
    pub fn read<'r>(&'r mut self, input: impl Read + 'r) -> io::Result<Observations<'r>> {
        Ok(Observations { reader: self, lines: Some(Lines::new(input)?), format: None })
    }

    /// The connections whose end was in no log.
    pub fn finish(&mut self) -> impl Iterator<Item = Observation> {
        let open = self.sessions.take_all();
        self.counts.connections += open.len() as u64;
        open.into_iter()
    }

    /// What was read up to now.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Reads one line.
    fn line(&mut self, line: &[u8], format: &mut Option<Format>) -> Result<(), Wrong> {
        match format {
            None => {
                *format = Some(Format::of(line)?);
                match format {
                    Some(Format::Json) => self.json(line),
                    // The line with the names of the columns.
                    _ => Ok(()),
                }
            }
            Some(Format::Json) => self.json(line),
            Some(Format::Table(columns)) => {
                let observation = columns.row(line).map_err(Wrong::Line)?;
                self.ready.push_back(observation);
                Ok(())
            }
        }
    }

    fn json(&mut self, line: &[u8]) -> Result<(), Wrong> {
        let kind: Kind = serde_json::from_slice(line).map_err(|error| Wrong::Line(error.to_string()))?;
        let is_of_interest = match kind {
            Kind { eventid: Some(event), .. } => self.sessions.event(&event, line, &mut self.ready),
            Kind { connection: Some(_), .. } => dionaea::connection(line, &mut self.ready),
            Kind { .. } => Err("it is neither of Cowrie nor of Dionaea".to_owned()),
        };
        if !is_of_interest.map_err(Wrong::Line)? {
            self.counts.others += 1;
        }
        Ok(())
    }
}

/// What can be wrong with a line.
enum Wrong {
    /// The line alone.
    Line(String),
    /// The file.
    File(io::Error),
}

/// The format of a file.
enum Format {
    Json,
    Table(Columns),
}

impl Format {
    /// Told by the first line.
    fn of(first: &[u8]) -> Result<Self, Wrong> {
        if first.starts_with(b"{") {
            return Ok(Self::Json);
        }
        let columns = Columns::of(first).ok_or_else(|| {
            let what =
                "it is no log of Cowrie or Dionaea: neither lines of JSON, nor a table with start_time and src_ip";
            Wrong::File(io::Error::new(io::ErrorKind::InvalidData, what))
        })?;
        Ok(Self::Table(columns))
    }
}

/// Whose line it is.
#[derive(Deserialize)]
struct Kind {
    eventid: Option<String>,
    connection: Option<IgnoredAny>,
}

/// The observations of one log.
pub struct Observations<'r> {
    reader: &'r mut Reader,
    /// None when there is nothing more to read.
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
                Ok(Some(Line::TooLong(number))) => (number, Err(Wrong::Line("it is longer than 1 MiB".to_owned()))),
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
                Err(Wrong::Line(why)) => {
                    counts.broken += 1;
                    counts.first_broken.get_or_insert((number, why));
                }
                Err(Wrong::File(error)) => {
                    self.lines = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Adds a line to what was sent, as far as there is room.
fn add_line(text: &mut Vec<u8>, line: &str) {
    if !text.is_empty() && text.len() < MOST_TEXT {
        text.push(b'\n');
    }
    text.extend(line.bytes().take(MOST_TEXT - text.len()));
}

/// Reads an address.
fn address(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| format!("{text:?} is no address"))?;
    Ok(address.to_canonical())
}
