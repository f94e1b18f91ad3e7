//! Plain HTTP/1.1 on a socket, so that tests also can send what no client sends.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
};

use anyhow::{Context as _, ensure};

use crate::sensor::patience;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200, 404 ...
    pub status: u16,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    /// What follows.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    ///
    /// # Panics
    /// When it is none.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Asks over TCP, from the calling thread's network namespace. `headers` are whole lines, without Host and Connection.
///
/// # Errors
/// When nobody answers, or with something that is not HTTP.
pub fn tcp(address: SocketAddr, method: &str, path: &str, headers: &[&str]) -> anyhow::Result<Answer> {
    let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    stream.set_read_timeout(Some(patience()))?;
    ask(stream, method, path, headers)
}

/// Asks over a unix socket.
///
/// # Errors
/// As [`tcp`].
pub fn unix(socket: &Path, method: &str, path: &str, headers: &[&str]) -> anyhow::Result<Answer> {
    let stream = UnixStream::connect(socket).with_context(|| format!("connecting to {}", socket.display()))?;
    stream.set_read_timeout(Some(patience()))?;
    ask(stream, method, path, headers)
}

fn ask(mut stream: impl Read + Write, method: &str, path: &str, headers: &[&str]) -> anyhow::Result<Answer> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        request.push_str("Host: localhost\r\n");
    }
    headers.iter().for_each(|header| request.push_str(&format!("{header}\r\n")));
    request.push_str("\r\n");
    raw(&mut stream, request.as_bytes())
}

/// Sends bytes as they are, and reads one answer up to the end of the connection.
///
/// # Errors
/// As [`tcp`].
pub fn raw(stream: &mut (impl Read + Write), request: &[u8]) -> anyhow::Result<Answer> {
    // A server that refuses early closes its end; what it said before that counts.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset || bytes.is_empty() => {
            return Err(error).context("reading the answer");
        }
        _ => {}
    }
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> anyhow::Result<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    ensure!(end.is_some(), "no HTTP: {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
    let end = end.context("there is one")?;
    let head = std::str::from_utf8(&bytes[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?.parse()?;
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        body = joined(&body)?;
    }
    Ok(Answer { status, headers, body })
}

/// The chunks of a body, joined.
fn joined(mut chunks: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = chunks.windows(2).position(|two| two == b"\r\n").context("a chunk without its length")?;
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..line])?, 16)?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(chunks.get(line + 2..line + 2 + length).context("a chunk is cut off")?);
        chunks = &chunks[line + 2 + length + 2..];
    }
}
