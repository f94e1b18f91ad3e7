//! A snapshot in the encodings that clients accept. Each is built once, when the first client asks for it.

use std::{io::Write as _, sync::OnceLock};

use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};

use crate::live::Reading;

/// A stored snapshot.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) reading: Reading,
    /// Identifies this document among all others; the core of its ETags.
    tag: String,
    json: OnceLock<Bytes>,
    gzip: OnceLock<Bytes>,
}

impl Document {
    pub(super) fn new(reading: Reading) -> Self {
        // Sequence numbers begin anew in another directory; the time tells those apart.
        let tag = format!("{}-{:x}", reading.snapshot.sequence, reading.snapshot.generated_at.as_nanosecond());
        Self { reading, tag, json: OnceLock::new(), gzip: OnceLock::new() }
    }

    /// The bytes of snapshot.json.
    pub(super) fn json(&self) -> Bytes {
        let made = self.json.get_or_init(|| {
            let mut json = serde_json::to_vec(&*self.reading.snapshot).expect("a snapshot is JSON");
            json.push(b'\n');
            json.into()
        });
        made.clone()
    }

    /// The same, compressed.
    pub(super) fn gzip(&self) -> Bytes {
        self.gzip.get_or_init(|| compressed(&self.json())).clone()
    }

    /// ETag of the plain or the compressed variant. Their bytes differ, so each has its own (RFC 9110, 8.8.3).
    pub(super) fn tag(&self, gzip: bool) -> String {
        if gzip { format!("\"{}-gzip\"", self.tag) } else { format!("\"{}\"", self.tag) }
    }

    /// Whether an If-None-Match names this variant (RFC 9110, 13.1.2: a weak comparison). The tag of the other variant
    /// does not validate this one.
    pub(super) fn matches(&self, gzip: bool, if_none_match: &str) -> bool {
        let own = self.tag(gzip);
        if_none_match.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == own)
    }
}

/// Bytes as gzip, at the fast level because a client waits.
pub(super) fn compressed(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), Compression::fast());
    encoder.write_all(bytes).expect("writing to a vector cannot fail");
    encoder.finish().expect("writing to a vector cannot fail").into()
}

/// Whether an Accept-Encoding accepts gzip (RFC 9110, 12.5.3).
pub(super) fn takes_gzip(accept_encoding: &str) -> bool {
    let quality = |wanted: &str| {
        accept_encoding.split(',').find_map(|part| {
            let (coding, parameters) = part.split_once(';').unwrap_or((part, ""));
            let refused = || {
                let quality = parameters.trim().strip_prefix("q=").and_then(|quality| quality.parse::<f32>().ok());
                quality == Some(0.0)
            };
            coding.trim().eq_ignore_ascii_case(wanted).then(|| !refused())
        })
    };
    quality("gzip").or_else(|| quality("*")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_gzip_by_name_or_wildcard_unless_refused() {
        for yes in ["gzip", "deflate, GZIP;q=0.5, br", "*", "br;q=1, *;q=0.1"] {
            assert!(takes_gzip(yes), "{yes}");
        }
        for no in ["", "identity", "gzip;q=0", "gzip; q=0.000, *", "*;q=0", "br"] {
            assert!(!takes_gzip(no), "{no}");
        }
    }
}
