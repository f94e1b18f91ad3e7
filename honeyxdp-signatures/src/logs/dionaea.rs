//! Dionaea's lines of JSON: a connection each, with the logins and the commands of FTP on it.
//! Source: Dionaea, log_json, and logs that it wrote.

use std::collections::VecDeque;

use serde::Deserialize;

use super::{Login, Observation, add_line, address, time};

#[derive(Deserialize)]
struct Written {
    connection: Connection,
    src_ip: String,
    src_port: u16,
    dst_port: u16,
    timestamp: String,
    credentials: Option<Credentials>,
    ftp: Option<Ftp>,
}

#[derive(Deserialize)]
struct Connection {
    protocol: String,
    transport: String,
    r#type: String,
}

/// Two lists of one length.
#[derive(Deserialize)]
struct Credentials {
    username: Vec<Option<String>>,
    password: Vec<Option<String>>,
}

#[derive(Deserialize)]
struct Ftp {
    commands: Commands,
}

/// Two lists of one length.
#[derive(Deserialize)]
struct Commands {
    command: Vec<Option<String>>,
    arguments: Vec<Option<String>>,
}

/// Takes a line in. Says whether the connection is one that is looked at: one over TCP, that somebody else began.
///
/// # Errors
/// When the line is broken, in words.
pub(super) fn connection(line: &[u8], ready: &mut VecDeque<Observation>) -> Result<bool, String> {
    let written: Written = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Connection { protocol, transport, r#type } = written.connection;
    if transport != "tcp" || !matches!(r#type.as_str(), "accept" | "reject") {
        return Ok(false);
    }
    let mut text = Vec::new();
    if let Some(Ftp { commands: Commands { command, arguments } }) = written.ftp {
        for (command, arguments) in command.into_iter().zip(arguments) {
            let words = [command.unwrap_or_default(), arguments.unwrap_or_default()].join(" ");
            add_line(&mut text, words.trim_end());
        }
    }
    let connection = Observation {
        time_ms: time::parse(&written.timestamp)?,
        src: address(&written.src_ip)?,
        sport: Some(written.src_port),
        dport: Some(written.dst_port),
        protocol: Some(protocol),
        login: None,
        text,
    };
    if let Some(Credentials { username, password }) = written.credentials {
        for (user, password) in username.into_iter().zip(password) {
            let login =
                Login { user: user.unwrap_or_default(), password: password.unwrap_or_default(), accepted: None };
            ready.push_back(Observation { login: Some(login), text: Vec::new(), ..connection.clone() });
        }
    }
    ready.push_back(connection);
    Ok(true)
}
