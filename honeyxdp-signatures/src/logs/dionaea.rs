//! Dionaea JSON lines: one connection per line, with its logins and FTP commands.
//! Source: Dionaea, log_json, and logs written by it.

use std::collections::VecDeque;

use serde::Deserialize;

use super::{Login, Observation, add_line, address, time};

#[derive(Deserialize)]
struct RawConnection {
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

/// Two lists of equal length.
#[derive(Deserialize)]
struct Credentials {
    username: Vec<Option<String>>,
    password: Vec<Option<String>>,
}

#[derive(Deserialize)]
struct Ftp {
    commands: Commands,
}

/// Two lists of equal length.
#[derive(Deserialize)]
struct Commands {
    command: Vec<Option<String>>,
    arguments: Vec<Option<String>>,
}

/// Processes a line. Returns whether the connection is used: TCP, opened by the remote side.
///
/// # Errors
/// Returns a message if the line is invalid.
pub(super) fn connection(line: &[u8], ready: &mut VecDeque<Observation>) -> Result<bool, String> {
    let raw: RawConnection = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Connection { protocol, transport, r#type } = raw.connection;
    if transport != "tcp" || !matches!(r#type.as_str(), "accept" | "reject") {
        return Ok(false);
    }
    let mut text = Vec::new();
    if let Some(Ftp { commands: Commands { command, arguments } }) = raw.ftp {
        for (command, arguments) in command.into_iter().zip(arguments) {
            let words = [command.unwrap_or_default(), arguments.unwrap_or_default()].join(" ");
            add_line(&mut text, words.trim_end());
        }
    }
    let connection = Observation {
        time_ms: time::parse(&raw.timestamp)?,
        src: address(&raw.src_ip)?,
        src_port: Some(raw.src_port),
        dst_port: Some(raw.dst_port),
        protocol: Some(protocol),
        login: None,
        text,
    };
    if let Some(Credentials { username, password }) = raw.credentials {
        for (user, password) in username.into_iter().zip(password) {
            let login =
                Login { user: user.unwrap_or_default(), password: password.unwrap_or_default(), accepted: None };
            ready.push_back(Observation { login: Some(login), text: Vec::new(), ..connection.clone() });
        }
    }
    ready.push_back(connection);
    Ok(true)
}
