//! What one line of a list says. No bytes make it fail otherwise than by saying that they are no entry.

use std::{borrow::Cow, net::IpAddr};

use serde::Serialize;

use super::{
    address::{is_separator, prefix},
    cells::{Cells, DELIMITERS, Layout, header},
};

/// Words of a line in which an address is looked for, where the line does not begin with one.
const FIRST_WORDS: usize = 8;

/// A user and a password, as bytes: lists do not say how they are encoded.
pub type CredentialBytes<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParsedLine<'a> {
    /// Nothing, or a comment.
    Blank,
    /// Names of columns.
    Header,
    /// An address, and what stands with it.
    Entry(ListEntry<'a>),
    /// None of these.
    Unparsable(UnparsableReason),
}

/// An address, and what stands with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry<'a> {
    /// The address; an IPv4 address inside an IPv6 one is the IPv4 address.
    pub address: IpAddr,
    /// TCP port.
    pub port: Option<u16>,
    /// User and password.
    pub credentials: Option<CredentialBytes<'a>>,
}

/// Why a line is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnparsableReason {
    /// No address where one is looked for.
    NoAddress,
    /// A port above 65535.
    WrongPort,
    /// Longer than [`super::lines::MOST`].
    TooLong,
}

impl UnparsableReason {
    /// In words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::NoAddress => "no address",
            Self::WrongPort => "port above 65535",
            Self::TooLong => "too long",
        }
    }
}

/// Reads the lines of one list, one after the other: a header tells what the lines after it hold.
#[derive(Debug, Default)]
pub struct LineParser {
    layout: Option<Layout>,
    cells: Cells,
}

impl LineParser {
    /// What a line says, without its line feed.
    pub fn line<'a>(&'a mut self, line: &'a [u8]) -> ParsedLine<'a> {
        let line = trim(line);
        if line.is_empty() || line.starts_with(b"#") || line.starts_with(b"//") {
            return ParsedLine::Blank;
        }
        match entry(self.layout.as_ref(), &mut self.cells, line) {
            Ok(entry) => ParsedLine::Entry(entry),
            Err(UnparsableReason::NoAddress) => match header(line, &mut Cells::default()) {
                Some(layout) => {
                    self.layout = layout;
                    ParsedLine::Header
                }
                None => ParsedLine::Unparsable(UnparsableReason::NoAddress),
            },
            Err(reason) => ParsedLine::Unparsable(reason),
        }
    }
}

fn entry<'a>(layout: Option<&Layout>, cells: &'a mut Cells, line: &'a [u8]) -> Result<ListEntry<'a>, UnparsableReason> {
    if let Some(layout) = layout {
        cells.split(line, layout.delimiter);
        if prefix(cells.get(layout.address)).is_some() {
            return by_layout(cells, layout);
        }
    }
    if let Some((address, length)) = prefix(line) {
        let rest = &line[length..];
        // A table whose first cell is an address, perhaps with a port. A tab is a delimiter too, but not behind spaces.
        let after = rest.strip_prefix(b":").map_or(rest, without_digits);
        return match after.trim_ascii_start().first() {
            Some(&delimiter @ (b',' | b';' | b'|')) => by_cells(cells, line, delimiter),
            _ if after.first() == Some(&b'\t') => by_cells(cells, line, b'\t'),
            _ => after_address(address, rest),
        };
    }
    if let Some(result) = by_url(line) {
        return result;
    }
    for delimiter in DELIMITERS.into_iter().filter(|delimiter| line.contains(delimiter)) {
        cells.split(line, delimiter);
        if cells.iter().any(|cell| prefix(cell).is_some()) {
            return by_first_address(cells);
        }
    }
    let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    for word in words.take(FIRST_WORDS) {
        if let Some((address, length)) = prefix(word) {
            let at = word.as_ptr().addr() - line.as_ptr().addr() + length;
            return after_address(address, &line[at..]);
        }
    }
    Err(UnparsableReason::NoAddress)
}

fn by_cells<'a>(cells: &'a mut Cells, line: &[u8], delimiter: u8) -> Result<ListEntry<'a>, UnparsableReason> {
    cells.split(line, delimiter);
    by_first_address(cells)
}

/// Without spaces, line ends, NULs and byte order marks around it.
fn trim(mut line: &[u8]) -> &[u8] {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    loop {
        if let Some((_, rest)) = line.split_first().filter(|(first, _)| is_space(first)) {
            line = rest;
        } else if let Some((_, rest)) = line.split_last().filter(|(last, _)| is_space(last)) {
            line = rest;
        } else if let Some(rest) = line.strip_prefix(MARK) {
            line = rest;
        } else {
            return line;
        }
    }
}

/// A line whose header told what is where.
fn by_layout<'a>(cells: &'a Cells, layout: &Layout) -> Result<ListEntry<'a>, UnparsableReason> {
    let cell = |at: Option<usize>| at.map_or(&b""[..], |at| cells.get(at));
    let mut entry = address_cell(cells.get(layout.address))?;
    if let Some(port) = number(cell(layout.port)) {
        entry.port = Some(port?);
    }
    let (user, password) = (cell(layout.user), cell(layout.password));
    if !(user.is_empty() && password.is_empty()) {
        entry.credentials = if layout.password.is_none() && user.contains(&b':') {
            pair(user)
        } else {
            Some((user.into(), password.into()))
        };
    }
    Ok(entry)
}

/// A cell with an address, and perhaps a port and credentials behind colons.
fn address_cell(cell: &[u8]) -> Result<ListEntry<'_>, UnparsableReason> {
    let (address, length) = prefix(cell).ok_or(UnparsableReason::NoAddress)?;
    after_address(address, &cell[length..])
}

/// A line of a table without a header: what comes after the first cell with an address are a port, a user, a password.
fn by_first_address(cells: &Cells) -> Result<ListEntry<'_>, UnparsableReason> {
    let at = cells.iter().position(|cell| prefix(cell).is_some()).ok_or(UnparsableReason::NoAddress)?;
    let mut entry = address_cell(cells.get(at))?;
    if entry.credentials.is_some() {
        return Ok(entry);
    }
    let (mut next, mut left) = (at + 1, cells.len() - at - 1);
    if entry.port.is_none() && left > 0 {
        let first = cells.get(next);
        let is_port = match number(first) {
            None => first.is_empty() && left > 2,
            // Two cells after an address are a user and a password, even if the user is a number.
            Some(port) if left != 2 || cells.get(next + 1).contains(&b':') => {
                entry.port = Some(port?);
                true
            }
            Some(_) => false,
        };
        if is_port {
            (next, left) = (next + 1, left - 1);
        }
    }
    let (user, password) = (cells.get(next), cells.get(next + 1));
    entry.credentials = match left {
        0 => None,
        1 => pair(user),
        _ if user.is_empty() && password.is_empty() => None,
        // `user:password` and another column.
        _ if left > 2 && number(password).is_none() && user.contains(&b':') => pair(user),
        _ => Some((user.into(), password.into())),
    };
    Ok(entry)
}

/// `:port:user:password`, `:port user:password`, ` user password`, and what else comes after an address.
fn after_address(address: IpAddr, rest: &[u8]) -> Result<ListEntry<'_>, UnparsableReason> {
    let mut entry = ListEntry { address: address.to_canonical(), port: None, credentials: None };
    let Some(colon) = rest.strip_prefix(b":") else {
        return words(entry, rest);
    };
    let end = colon.iter().position(|&byte| is_separator(byte)).unwrap_or(colon.len());
    let (field, rest) = colon.split_at(end);
    match number(field) {
        Some(port) => entry.port = Some(port?),
        None if field.is_empty() && !rest.starts_with(b":") => return words(entry, rest),
        None => {
            entry.credentials = pair(colon.trim_ascii());
            return Ok(entry);
        }
    }
    match rest.strip_prefix(b":") {
        Some(fields) => {
            entry.credentials = pair(fields.trim_ascii());
            Ok(entry)
        }
        None => words(entry, rest),
    }
}

/// ` port user password`, ` user:password`, and other words behind spaces. A sign between two spaces is no word, and what
/// comes after a `#` is a comment.
fn words<'a>(mut entry: ListEntry<'a>, rest: &'a [u8]) -> Result<ListEntry<'a>, UnparsableReason> {
    let is_word = |word: &&[u8]| !word.is_empty();
    let is_sign = |word: &&[u8]| matches!(*word, b"-" | b"--" | b"->" | b"=>" | b"=" | b"|" | b":" | b"," | b";");
    let mut words = rest.split(u8::is_ascii_whitespace).filter(is_word).skip_while(is_sign);
    let (mut first, mut second, third) = (words.next(), words.next(), words.next());
    if entry.port.is_none()
        && let Some(port) = first.and_then(number)
        && (third.is_some() || second.is_none_or(|second| second.contains(&b':')))
    {
        entry.port = Some(port?);
        (first, second) = (second, third);
    }
    entry.credentials = match (first, second) {
        (Some(first), _) if first.starts_with(b"#") => None,
        (Some(first), _) if first.contains(&b':') => pair(first),
        (Some(first), Some(second)) => Some((first.into(), second.into())),
        _ => None,
    };
    Ok(entry)
}

/// `telnet://user:password@address:port/`, and the same without a scheme.
fn by_url(line: &[u8]) -> Option<Result<ListEntry<'_>, UnparsableReason>> {
    let after_scheme = line.windows(3).take(16).position(|window| window == b"://").map(|at| &line[at + 3..]);
    let start = after_scheme.unwrap_or(line);
    let (login, place) = match start.iter().rposition(|&byte| byte == b'@') {
        Some(at) => (&start[..at], &start[at + 1..]),
        None => (&b""[..], after_scheme?),
    };
    let end = place.iter().position(|&byte| byte == b'/').unwrap_or(place.len());
    let (address, length) = prefix(&place[..end])?;
    let login = login.rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
    Some(after_address(address, &place[length..end]).map(|mut entry| {
        entry.credentials = pair(login).or(entry.credentials);
        entry
    }))
}

/// `user:password`; the password may have more colons, and either may be empty.
fn pair(bytes: &[u8]) -> Option<CredentialBytes<'_>> {
    let colon = bytes.iter().position(|&byte| byte == b':')?;
    (bytes.len() > 1).then(|| (bytes[..colon].into(), bytes[colon + 1..].into()))
}

/// What comes after the digits that bytes begin with.
fn without_digits(bytes: &[u8]) -> &[u8] {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    &bytes[digits..]
}

/// Digits as a port, none where it is something else.
fn number(bytes: &[u8]) -> Option<Result<u16, UnparsableReason>> {
    let is_number = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    is_number
        .then(|| str::from_utf8(bytes).ok().and_then(|digits| digits.parse().ok()).ok_or(UnparsableReason::WrongPort))
}

#[cfg(test)]
mod tests;
