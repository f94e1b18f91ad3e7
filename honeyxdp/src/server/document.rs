//! A snapshot in the forms that clients ask for. Each is made once, when the first client asks.

use std::{io::Write as _, sync::OnceLock};

use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};

use super::feed::Reading;

/// A stored snapshot.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) reading: Reading,
    /// What tells this document from every other, with the quotes of an ETag.
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

    /// The same bytes as in snapshot.json.
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

    /// The ETag of one of the two: each has its own, as their bytes differ.
    pub(super) fn tag(&self, gzip: bool) -> String {
        if gzip { format!("\"{}-gzip\"", self.tag) } else { format!("\"{}\"", self.tag) }
    }

    /// Whether an If-None-Match names this document, in any form (RFC 9110, 13.1.2: a weak comparison).
    pub(super) fn matches(&self, if_none_match: &str) -> bool {
        if_none_match.split(',').map(str::trim).any(|tag| {
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            tag == "*" || tag == self.tag(false) || tag == self.tag(true)
        })
    }
}

/// Bytes as gzip. The fast level: it is made while clients wait.
fn compressed(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), Compression::fast());
    encoder.write_all(bytes).expect("a vector takes all");
    encoder.finish().expect("a vector takes all").into()
}

/// Whether an Accept-Encoding takes gzip (RFC 9110, 12.5.3).
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
    fn gzip_is_sent_to_those_who_take_it() {
        for yes in ["gzip", "deflate, GZIP;q=0.5, br", "*", "br;q=1, *;q=0.1"] {
            assert!(takes_gzip(yes), "{yes}");
        }
        for no in ["", "identity", "gzip;q=0", "gzip; q=0.000, *", "*;q=0", "br"] {
            assert!(!takes_gzip(no), "{no}");
        }
    }
}
