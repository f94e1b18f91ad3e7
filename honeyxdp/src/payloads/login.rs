//! Logins, put together from what was typed at the prompts.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use honeyxdp_common::responder::{Payload, SESSION_BITS, Stage};
use jiff::{SignedDuration, Timestamp};

use super::Sender;

/// Most bytes of a name or password. No login of a bot is longer.
const MOST: usize = 256;
/// A login that nothing more was heard of for so long, is over.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// Logins that go on at a time: as many as the kernel has.
const OPEN: usize = 1 << SESSION_BITS;

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Login {
    /// Who.
    pub(super) from: Sender,
    /// What stood behind the prompt for a user, without the end of the line.
    pub(super) user: Vec<u8>,
    /// The same of the password; none if it did not come so far.
    pub(super) password: Option<Vec<u8>>,
    /// Bytes in all segments.
    pub(super) length: u32,
}

/// Logins that go on, by their connection.
#[derive(Debug, Default)]
pub(super) struct Logins(HashMap<u64, Login, RandomState>);

impl Logins {
    /// Takes what was typed. Returns the login when it is over.
    pub(super) fn take(&mut self, payload: &Payload, from: Sender) -> Option<Login> {
        let connection = payload.connection;
        if !self.0.contains_key(&connection) && self.0.len() >= OPEN {
            // The next look at the clock makes room; until then each part is a login of its own.
            let mut login = Login { from, user: Vec::new(), password: None, length: 0 };
            login.add(payload);
            return Some(login);
        }
        let login = self.0.entry(connection).or_insert(Login { from, user: Vec::new(), password: None, length: 0 });
        login.from.time = from.time;
        let is_over = login.add(payload);
        if is_over { self.0.remove(&connection) } else { None }
    }

    /// All that go on.
    pub(super) fn rest(&mut self) -> Vec<Login> {
        self.0.drain().map(|(_, login)| login.ended()).collect()
    }

    /// Logins that nothing more will come of.
    pub(super) fn expired(&mut self, now: Timestamp) -> Vec<Login> {
        let is_over = |login: &Login| now.duration_since(login.from.time).abs() > PATIENCE;
        self.0.extract_if(|_, login| is_over(login)).map(|(_, login)| login.ended()).collect()
    }
}

impl Login {
    /// Adds what was typed, and says whether that was all.
    fn add(&mut self, payload: &Payload) -> bool {
        self.length = self.length.saturating_add(payload.length);
        let text = match payload.stage() {
            Stage::Password => self.password.get_or_insert_default(),
            _ => &mut self.user,
        };
        let data = payload.data();
        let room = MOST.saturating_sub(text.len());
        text.extend_from_slice(&data[..data.len().min(room)]);
        let is_over = payload.stage() == Stage::Password && data.last().is_some_and(|last| ends_a_line(*last));
        if is_over {
            self.trim();
        }
        is_over
    }

    fn ended(mut self) -> Self {
        self.trim();
        self
    }

    fn trim(&mut self) {
        for text in [Some(&mut self.user), self.password.as_mut()].into_iter().flatten() {
            *text = typed(text);
        }
    }
}

const fn ends_a_line(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// What was typed, without ends of lines and without telnet's own commands (RFC 854).
fn typed(bytes: &[u8]) -> Vec<u8> {
    const IAC: u8 = 255;
    const WILL: u8 = 251;
    const SUBNEGOTIATION: u8 = 250;
    const END: u8 = 240;
    let mut text = Vec::new();
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (IAC, [IAC, after @ ..]) => {
                text.push(IAC);
                after
            }
            (IAC, [SUBNEGOTIATION, after @ ..]) => {
                let end = after.windows(2).position(|pair| pair == [IAC, END]);
                end.map_or(&[][..], |end| &after[end + 2..])
            }
            (IAC, [WILL..=254, _, after @ ..]) => after,
            (IAC, [_, after @ ..]) => after,
            _ => {
                text.push(byte);
                after
            }
        };
    }
    while text.last().is_some_and(|last| ends_a_line(*last)) {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_telnet_says_to_itself_is_not_what_was_typed() {
        for (bytes, text) in [
            (&b"root\r\n"[..], &b"root"[..]),
            (b"root\r\0", b"root"),
            (b"", b""),
            (b"\r\n", b""),
            (b"\xff\xfd\x03\xff\xfb\x18admin\n", b"admin"),
            (b"\xff\xfa\x18\x00VT100\xff\xf0ro\xff\xffot\r\n", b"ro\xffot"),
            (b"a\xff", b"a\xff"),
            (b"a\xff\xfa\x18never ends", b"a"),
            (b"two\nlines\n", b"two\nlines"),
        ] {
            assert_eq!(typed(bytes), text, "{bytes:?}");
        }
    }
}
