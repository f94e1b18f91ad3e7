//! Parses the hosts, ports and paths that download tools accept.

use std::net::Ipv6Addr;

use super::{Dropper, LONGEST, Tool, decode::PLUS};

/// Longest host name, bytes (RFC 1035).
const MAX_HOST: usize = 253;

/// The source of a download, borrowed from the decoded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'t> {
    /// Without brackets.
    pub(super) host: &'t [u8],
    pub(super) port: Option<u16>,
    pub(super) path: &'t [u8],
}

impl Target<'_> {
    pub(super) fn dropper(&self, tool: Tool) -> Dropper {
        let end = self.path.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(self.path.len());
        let file = self.path[..end].rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        Dropper { tool, host: text(self.host), port: self.port, path: text(self.path), file: text(file) }
    }
}

/// A URL with a scheme, or without one if its host and path identify it as a URL.
pub(super) fn url(word: &[u8]) -> Option<Target<'_>> {
    let without_scheme = [&b"http://"[..], b"https://", b"ftp://", b"tftp://"]
        .iter()
        .find(|scheme| word.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        .map(|scheme| &word[scheme.len()..]);
    let rest = without_scheme.unwrap_or(word);
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let target = match without_scheme {
        Some(_) => {
            let user = authority.iter().rposition(|&byte| byte == b'@').map_or(0, |at| at + 1);
            authority_of(&authority[user..])?
        }
        None => {
            let target = host(authority)?;
            // A bare name may be a file name.
            let is_name = target.host.iter().any(u8::is_ascii_alphabetic) && !target.host.contains(&b':');
            if is_name && target.port.is_none() && !path.starts_with(b"/") {
                return None;
            }
            target
        }
    };
    Some(Target { path, ..target })
}

/// A host, optionally with a port: an address, or a name that contains a dot.
pub(super) fn host(word: &[u8]) -> Option<Target<'_>> {
    authority_of(word).filter(|target| target.host.iter().any(|byte| matches!(byte, b'.' | b':')))
}

/// A port number.
pub(super) fn port(word: &[u8]) -> Option<u16> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// `HOST`, `HOST:PORT`, `[IPv6]`, `[IPv6]:PORT` or `IPv6`.
fn authority_of(word: &[u8]) -> Option<Target<'_>> {
    let (host, port) = match word {
        [b'[', rest @ ..] => {
            let end = rest.iter().position(|&byte| byte == b']')?;
            (v6(&rest[..end])?, rest[end + 1..].strip_prefix(b":"))
        }
        _ => match v6(word) {
            Some(host) => (host, None),
            None => {
                let end = word.iter().position(|&byte| byte == b':').unwrap_or(word.len());
                (name(&word[..end])?, word.get(end + 1..))
            }
        },
    };
    Some(Target { host, port: port.and_then(self::port), path: &[] })
}

fn v6(word: &[u8]) -> Option<&[u8]> {
    std::str::from_utf8(word).ok()?.parse::<Ipv6Addr>().ok().map(|_| word)
}

/// A name, or an IPv4 address in any notation.
fn name(word: &[u8]) -> Option<&[u8]> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_name = (1..=MAX_HOST).contains(&word.len()) && word.iter().all(is_plain);
    (is_name && word.iter().any(u8::is_ascii_alphanumeric)).then_some(word)
}

/// The first bytes as text.
fn text(bytes: &[u8]) -> String {
    // Each byte yields at least one byte of text, so LONGEST bytes suffice.
    let bytes: Vec<u8> = bytes.iter().take(LONGEST).map(|&byte| if byte == PLUS { b'+' } else { byte }).collect();
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(target: Option<Target<'_>>) -> String {
        target.map_or_else(
            || "none".to_owned(),
            |Target { host, port, path }| {
                format!("{} {port:?} {}", String::from_utf8_lossy(host), String::from_utf8_lossy(path))
            },
        )
    }

    #[test]
    fn parses_urls_and_rejects_other_words() {
        for (word, expected) in [
            ("http://192.0.2.1/a/b.sh", "192.0.2.1 None /a/b.sh"),
            ("HTTPS://h.example:8080/x?y#z", "h.example Some(8080) /x?y#z"),
            ("http://u:p@h/x", "h None /x"),
            ("http://[2001:db8::1]:81/x", "2001:db8::1 Some(81) /x"),
            ("ftp://[2001:db8::1]", "2001:db8::1 None "),
            ("http://3221225985/x", "3221225985 None /x"),
            ("http://h:99999/x", "h None /x"),
            ("http://h:$P/x", "h None /x"),
            ("http://h?x", "h None ?x"),
            ("192.0.2.1/x", "192.0.2.1 None /x"),
            ("192.0.2.1", "192.0.2.1 None "),
            ("h.example/x", "h.example None /x"),
            ("h.example:80", "h.example Some(80) "),
            ("[2001:db8::1]/x", "2001:db8::1 None /x"),
            ("http://", "none"),
            ("http:///x", "none"),
            ("http://$H/x", "none"),
            ("http://a b/x", "none"),
            ("http://[zz]/x", "none"),
            ("http://[2001:db8::1/x", "none"),
            ("http://-/x", "none"),
            ("x.sh", "none"),
            ("x.html?y", "none"),
            ("tmp/x", "none"),
            ("/tmp/x.sh", "none"),
            ("", "none"),
        ] {
            assert_eq!(shown(url(word.as_bytes())), expected, "{word}");
        }
        assert_eq!(shown(host(b"2001:db8::1")), "2001:db8::1 None ");
        assert_eq!(shown(host(b"localhost")), "none");
        assert_eq!(shown(url(format!("http://{}/x", "a".repeat(254)).as_bytes())), "none");
    }

    #[test]
    fn bounds_texts_and_keeps_every_character() {
        let path = [&b"/a\0\x1b\xff"[..], &b"\xc3\xa4".repeat(300)].concat();
        let dropper = Target { host: b"h", port: None, path: &path }.dropper(Tool::Wget);
        assert!(dropper.path.starts_with("/a\0\u{1b}\u{fffd}ä") && dropper.path.len() <= LONGEST);
        assert!(dropper.path.len() > LONGEST - 3, "{}", dropper.path.len());
        let dropper = Target { host: b"h", port: None, path: b"/a\x1fb/c?d/e" }.dropper(Tool::Curl);
        assert_eq!((dropper.path.as_str(), dropper.file.as_str()), ("/a+b/c?d/e", "c"));
        let long = [&b"/"[..], &b"d".repeat(400), b"/f.sh"].concat();
        assert_eq!(Target { host: b"h", port: None, path: &long }.dropper(Tool::Wget).file, "f.sh");
    }
}
