//! Cowrie's lines of JSON: an event each, of a session that begins with `cowrie.session.connect`, whose ports only that one says.
//! Source: Cowrie, docs, Output Event Code Reference.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::IpAddr,
};

use serde::Deserialize;

use super::{Login, Observation, add_line, address, time};

/// The most sessions that are open at the same time, about 100 MiB of them. Beyond it the oldest one is taken for over.
const MOST_OPEN: usize = 100_000;

/// What is read of an event.
#[derive(Deserialize)]
struct Event {
    session: String,
    timestamp: String,
    src_ip: String,
    src_port: Option<u16>,
    dst_port: Option<u16>,
    protocol: Option<String>,
    username: Option<String>,
    password: Option<String>,
    input: Option<String>,
    url: Option<String>,
}

/// Sessions that are not over.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// By the order in which they were first heard of.
    open: BTreeMap<u64, (String, Observation)>,
    numbers: HashMap<String, u64>,
    next: u64,
}

impl Sessions {
    /// Takes an event of this name in; what is known then comes out. Says whether the event is one that is looked at.
    ///
    /// # Errors
    /// When the line is broken, in words.
    pub(super) fn event(&mut self, name: &str, line: &[u8], ready: &mut VecDeque<Observation>) -> Result<bool, String> {
        let accepted = match name {
            "cowrie.login.success" => Some(true),
            "cowrie.login.failed" => Some(false),
            "cowrie.session.connect"
            | "cowrie.session.closed"
            | "cowrie.command.input"
            | "cowrie.session.file_download" => None,
            _ => return Ok(false),
        };
        let event: Event = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let (time_ms, src) = (time::parse(&event.timestamp)?, address(&event.src_ip)?);
        if name == "cowrie.session.closed" {
            // One that was taken for over has come out already.
            ready.extend(self.take(&event.session));
            return Ok(true);
        }
        let connection = self.session(&event, time_ms, src, ready);
        if let Some(accepted) = accepted {
            let (user, password) = (event.username.unwrap_or_default(), event.password.unwrap_or_default());
            let login = Some(Login { user, password, accepted: Some(accepted) });
            ready.push_back(Observation { time_ms, login, text: Vec::new(), ..connection.clone() });
        }
        let sent = if name == "cowrie.command.input" { event.input } else { event.url };
        if let Some(sent) = sent {
            add_line(&mut connection.text, &sent);
        }
        Ok(true)
    }

    /// All that are open, the oldest first.
    pub(super) fn take_all(&mut self) -> Vec<Observation> {
        self.numbers.clear();
        std::mem::take(&mut self.open).into_values().map(|(_, connection)| connection).collect()
    }

    /// The session of an event; its beginning may be in no log.
    fn session(
        &mut self,
        event: &Event,
        time_ms: i64,
        src: IpAddr,
        ready: &mut VecDeque<Observation>,
    ) -> &mut Observation {
        let number = *self.numbers.entry(event.session.clone()).or_insert(self.next);
        if number == self.next {
            self.next += 1;
            if self.open.len() >= MOST_OPEN
                && let Some((_, (session, oldest))) = self.open.pop_first()
            {
                self.numbers.remove(&session);
                ready.push_back(oldest);
            }
        }
        let begin = || {
            let &Event { src_port: sport, dst_port: dport, .. } = event;
            let protocol = event.protocol.clone();
            let connection = Observation { time_ms, src, sport, dport, protocol, login: None, text: Vec::new() };
            (event.session.clone(), connection)
        };
        &mut self.open.entry(number).or_insert_with(begin).1
    }

    fn take(&mut self, session: &str) -> Option<Observation> {
        let number = self.numbers.remove(session)?;
        self.open.remove(&number).map(|(_, connection)| connection)
    }
}
