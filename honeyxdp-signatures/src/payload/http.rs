//! A lenient HTTP request parser: bare LF ends a line, targets may contain blanks, and any part may be truncated.

/// Longest method, bytes.
const MAX_METHOD: usize = 20;

/// The parts of a request. Truncated parts are empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request<'p> {
    /// Upper-case letters only: `wget http://...` is a command, not a request.
    pub(super) method: &'p [u8],
    /// Everything between the method and the version, including blanks.
    pub(super) uri: &'p [u8],
    /// Header lines without the empty line after them.
    pub(super) headers: &'p [u8],
    /// Everything after the empty line.
    pub(super) body: &'p [u8],
}

impl<'p> Request<'p> {
    /// Parses a payload that begins with a method and a request target.
    pub(super) fn parse(payload: &'p [u8]) -> Option<Self> {
        // RFC 9112, section 2.2 allows empty lines before the request.
        let start = payload.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
        let payload = &payload[start..];
        let length = payload.iter().take(MAX_METHOD + 1).position(|byte| !byte.is_ascii_uppercase())?;
        let (method, rest) = payload.split_at(length);
        let target = rest.strip_prefix(b" ")?.trim_ascii_start();
        let is_target = target.starts_with(b"/") || target.starts_with(b"*") || has_scheme(target);
        if method.is_empty() || !is_target {
            return None;
        }
        let (line, rest) = line_of(target);
        let (headers, body) = split_headers(rest);
        Some(Self { method, uri: without_version(line), headers, body })
    }

    /// The trimmed value of the first User-Agent header.
    pub(super) fn user_agent(&self) -> Option<&'p [u8]> {
        const NAME: &[u8] = b"user-agent:";
        let mut rest = self.headers;
        while !rest.is_empty() {
            let (line, after) = line_of(rest);
            if line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)) {
                return Some(line[NAME.len()..].trim_ascii());
            }
            rest = after;
        }
        None
    }
}

/// Whether the target is in absolute form, as sent to proxies.
fn has_scheme(target: &[u8]) -> bool {
    [&b"http://"[..], b"https://"]
        .iter()
        .any(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// The first line without its line ending, and the rest.
fn line_of(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|&byte| byte == b'\n') {
        Some(end) => (bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]), &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

/// A request line without the trailing ` HTTP/1.1`, which may be truncated.
fn without_version(line: &[u8]) -> &[u8] {
    let Some(blank) = line.iter().rposition(|&byte| byte == b' ') else {
        return line;
    };
    let last = &line[blank + 1..];
    let is_version = last.starts_with(b"HTTP/") || b"HTTP/".starts_with(last);
    if is_version { line[..blank].trim_ascii_end() } else { line }
}

/// The headers, and the body after the first empty line.
fn split_headers(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = bytes;
    loop {
        let (line, after) = line_of(rest);
        let at = bytes.len() - rest.len();
        if line.is_empty() {
            return (&bytes[..at], after);
        }
        if after.is_empty() {
            return (bytes, &[]);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(payload: &[u8]) -> [String; 4] {
        let request = Request::parse(payload).unwrap();
        [request.method, request.uri, request.headers, request.body].map(|part| String::from_utf8_lossy(part).into())
    }

    #[test]
    fn parses_requests_truncated_anywhere() {
        for (payload, expected) in [
            (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\nbody"[..], ["GET", "/", "Host: x\r\n", "body"]),
            (b"\r\nPOST /a b;c HTTP/1.0\nA: b\n\nx\n\ny", ["POST", "/a b;c", "A: b\n", "x\n\ny"]),
            (b"GET /shell?cd /tmp; wg", ["GET", "/shell?cd /tmp; wg", "", ""]),
            (b"GET /x HTT", ["GET", "/x", "", ""]),
            (b"GET /x HTTP/1.1\r\nUser-", ["GET", "/x", "User-", ""]),
            (b"GET /x HTTP/1.1\r\nA: b\r\n", ["GET", "/x", "A: b\r\n", ""]),
            (b"GET /x HTTP/1.1\r\n\r\n", ["GET", "/x", "", ""]),
            (b"GET HTTP://h/x HTTP/1.1", ["GET", "HTTP://h/x", "", ""]),
            (b"OPTIONS * HTTP/1.1", ["OPTIONS", "*", "", ""]),
            (b"GET /\xff\0 x", ["GET", "/\u{fffd}\0 x", "", ""]),
        ] {
            assert_eq!(parsed(payload), expected, "{:?}", String::from_utf8_lossy(payload));
        }
        for other in [
            &b""[..],
            b"GET",
            b"GET ",
            b"\r\n\r\n",
            b"SSH-2.0-x",
            b"OPTIONS sip:a@192.0.2.1 SIP/2.0",
            b"AVERYLONGWORDTHATISNOMETHOD /",
            b" GET /",
            b"wget http://192.0.2.1/x",
            b"\x16\x03\x01",
        ] {
            assert_eq!(Request::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn finds_user_agent_in_any_case() {
        let agent = |headers: &str| {
            let payload = format!("GET / HTTP/1.1\r\n{headers}");
            Request::parse(payload.as_bytes()).unwrap().user_agent().map(|agent| String::from_utf8_lossy(agent).into())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(agent("Host: x\r\nUser-Agent: Hello, World\r\n\r\n"), some("Hello, World"));
        assert_eq!(agent("user-agent:Hakai/2.0"), some("Hakai/2.0"));
        assert_eq!(agent("USER-AGENT: \t a \nUser-Agent: b"), some("a"));
        assert_eq!(agent("User-Agent:"), some(""));
        assert_eq!(agent("X-User-Agent: a\r\nUser-Agen: b\r\n\r\nUser-Agent: c"), None);
    }
}
