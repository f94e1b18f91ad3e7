//! Cowrie JSON lines: one event of a session per line. Only `cowrie.session.connect` has the ports of the session.
//! Source: Cowrie documentation, Output Event Code Reference.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::IpAddr,
};

use serde::Deserialize;

use super::{Login, Observation, add_line, address, time};

/// Maximum number of open sessions, about 100 MiB. Beyond it the oldest session is closed.
const MAX_OPEN: usize = 100_000;

/// The fields of an event that are used.
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

/// Open sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// In order of their first event.
    open: BTreeMap<u64, (String, Observation)>,
    numbers: HashMap<String, u64>,
    next: u64,
}

impl Sessions {
    /// Processes an event and appends finished observations to `ready`. Returns whether the event is of a used type.
    ///
    /// # Errors
    /// Returns a message if the line is invalid.
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
            // A session that was closed early was already yielded.
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

    /// Removes all open sessions, oldest first.
    pub(super) fn take_all(&mut self) -> Vec<Observation> {
        self.numbers.clear();
        std::mem::take(&mut self.open).into_values().map(|(_, connection)| connection).collect()
    }

    /// The session of an event; no log may have its beginning.
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
            if self.open.len() >= MAX_OPEN
                && let Some((_, (session, oldest))) = self.open.pop_first()
            {
                self.numbers.remove(&session);
                ready.push_back(oldest);
            }
        }
        let begin = || {
            let &Event { src_port, dst_port, .. } = event;
            let protocol = event.protocol.clone();
            let connection = Observation { time_ms, src, src_port, dst_port, protocol, login: None, text: Vec::new() };
            (event.session.clone(), connection)
        };
        &mut self.open.entry(number).or_insert_with(begin).1
    }

    fn take(&mut self, session: &str) -> Option<Observation> {
        let number = self.numbers.remove(session)?;
        self.open.remove(&number).map(|(_, connection)| connection)
    }
}
