//! Rows of payloads and logins, and their conversion to columns.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{BinaryBuilder, StringBuilder, TimestampMillisecondBuilder, UInt8Builder, UInt16Builder, UInt32Builder},
};

use crate::{Error, Origin, Result, Table, dictionary::DictionaryBuilder, sources::Sources};

/// Maximum bytes stored of a payload, and of each text extracted from it.
pub const MOST_PAYLOAD: usize = 512;

/// How a payload was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaptureMode {
    /// Another program listens at the port; its connection was observed.
    Observed,
    /// Nothing listens at the port; the responder answered the SYN.
    Answered,
    /// Imported from the log of another honeypot.
    Imported,
}

impl CaptureMode {
    /// Value of the column `capture_mode`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Answered => "answered",
            Self::Imported => "imported",
        }
    }
}

/// A name, and the rule that assigned it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Classification {
    /// Name of an exploit or family, such as `CVE-2017-17215` or `qbot`.
    pub name: Cow<'static, str>,
    /// Id of the rule, such as `mirai/1`.
    pub rule_id: Cow<'static, str>,
    /// Confidence of the rule, from A (best) to D.
    pub confidence: char,
}

/// The family of a payload's source, and what it was attributed by.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribution {
    /// By a signature in the payload.
    ByPayload(Classification),
    /// By a fingerprint that the source's SYNs matched in the last 24 hours.
    ByFingerprint(Classification),
    /// The family is unknown.
    #[default]
    Unattributed,
}

impl Attribution {
    /// Name of the family; `unknown` if unattributed.
    pub fn family(&self) -> &str {
        self.classification().map_or("unknown", |classification| &classification.name)
    }

    /// Value of the column `attribution_source`.
    pub const fn source(&self) -> &'static str {
        match self {
            Self::ByPayload(_) => "payload",
            Self::ByFingerprint(_) => "fingerprint",
            Self::Unattributed => "none",
        }
    }

    /// The family with its rule.
    pub const fn classification(&self) -> Option<&Classification> {
        match self {
            Self::ByPayload(classification) | Self::ByFingerprint(classification) => Some(classification),
            Self::Unattributed => None,
        }
    }
}

/// A row of [`Table::Payloads`]: the first payload of a connection, or a login. Times are milliseconds since the Unix epoch,
/// UTC. Texts are attacker-controlled: escape them before display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadRow {
    /// Start of the interval in which the payload was read, as in [`crate::AccountingRow`].
    pub interval_start: i64,
    /// Time of arrival.
    pub time: i64,
    /// Source address.
    pub src: IpAddr,
    /// Source port; 0 if an imported log does not have it.
    pub src_port: u16,
    /// Destination port; 0 if an imported log does not have it.
    pub dst_port: u16,
    /// IP protocol, [`crate::TCP`].
    pub protocol: u8,
    /// How the payload was captured.
    pub capture_mode: CaptureMode,
    /// Exploit that a signature found in the payload.
    pub exploit: Option<Classification>,
    /// Family of the source.
    pub family: Attribution,
    /// Host of the download URL.
    pub url_host: Option<String>,
    /// Path of the download URL, with the file.
    pub url_path: Option<String>,
    /// Last component of the path.
    pub url_file: Option<String>,
    /// User name of a login.
    pub username: Option<String>,
    /// Password of a login.
    pub password: Option<String>,
    /// Bytes of the whole payload.
    pub length: u32,
    /// The first bytes, at most [`MOST_PAYLOAD`]; empty for a login.
    pub payload: Vec<u8>,
    /// ISO 3166 code of the source, by GeoIP at the time of writing.
    pub country: Option<[u8; 2]>,
    /// Autonomous system number of the source, by GeoIP at the time of writing.
    pub asn: Option<u32>,
}

impl PayloadRow {
    /// The texts, in the order of their columns.
    fn texts(&self) -> [Option<&String>; 5] {
        [&self.url_host, &self.url_path, &self.url_file, &self.username, &self.password].map(Option::as_ref)
    }

    /// Truncates the payload and every text to [`MOST_PAYLOAD`].
    pub fn truncate(&mut self) {
        self.payload.truncate(MOST_PAYLOAD);
        let texts =
            [&mut self.url_host, &mut self.url_path, &mut self.url_file, &mut self.username, &mut self.password];
        for text in texts.into_iter().flatten() {
            text.truncate(text.floor_char_boundary(MOST_PAYLOAD));
        }
    }

    /// Approximate bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        let texts: usize = self.texts().into_iter().flatten().map(String::capacity).sum();
        size_of::<Self>() + self.payload.capacity() + texts
    }
}

/// Converts rows to the columns of [`Table::Payloads`].
///
/// # Errors
/// Returns an error if the columns do not fit the schema, which is a bug.
pub fn payloads_batch<'a>(origin: Origin, rows: impl ExactSizeIterator<Item = &'a PayloadRow>) -> Result<RecordBatch> {
    let n = rows.len();
    let time = || TimestampMillisecondBuilder::with_capacity(n).with_timezone("UTC");
    let dictionary = || DictionaryBuilder::with_capacity(n);
    let u32s = || UInt32Builder::with_capacity(n);
    let u16s = || UInt16Builder::with_capacity(n);
    let (mut sensor, mut site, mut capture_mode, mut country) =
        (dictionary(), dictionary(), dictionary(), dictionary());
    let (mut exploit, mut exploit_rule_id, mut exploit_confidence) = (dictionary(), dictionary(), dictionary());
    let (mut family, mut attribution_source) = (dictionary(), dictionary());
    let (mut rule_id, mut family_confidence) = (dictionary(), dictionary());
    let (mut interval_start, mut times) = (time(), time());
    let mut sources = Sources::with_capacity(n);
    let (mut src_port, mut dst_port, mut length, mut asn) = (u16s(), u16s(), u32s(), u32s());
    let mut protocol = UInt8Builder::with_capacity(n);
    let mut texts: [StringBuilder; 5] = std::array::from_fn(|_| StringBuilder::new());
    let mut payload = BinaryBuilder::new();
    for row in rows {
        sensor.push(Some(origin.sensor));
        site.push(origin.site);
        interval_start.append_value(row.interval_start);
        times.append_value(row.time);
        sources.push(row.src)?;
        src_port.append_value(row.src_port);
        dst_port.append_value(row.dst_port);
        protocol.append_value(row.protocol);
        capture_mode.push(Some(row.capture_mode.name()));
        let mut letter = [0; 4];
        let found = row.exploit.as_ref();
        exploit.push(found.map(|found| &*found.name));
        exploit_rule_id.push(found.map(|found| &*found.rule_id));
        exploit_confidence.push(found.map(|found| &*found.confidence.encode_utf8(&mut letter)));
        let found = row.family.classification();
        family.push(Some(row.family.family()));
        attribution_source.push(Some(row.family.source()));
        rule_id.push(found.map(|found| &*found.rule_id));
        family_confidence.push(found.map(|found| &*found.confidence.encode_utf8(&mut letter)));
        texts.iter_mut().zip(row.texts()).for_each(|(column, text)| column.append_option(text));
        length.append_value(row.length);
        payload.append_value(&row.payload);
        country.push(row.country.as_ref().and_then(|code| std::str::from_utf8(code).ok()));
        asn.append_option(row.asn);
    }
    let [src, src6] = sources.finish();
    let mut columns: Vec<ArrayRef> = vec![
        sensor.finish()?,
        site.finish()?,
        Arc::new(interval_start.finish()),
        Arc::new(times.finish()),
        src,
        src6,
        Arc::new(src_port.finish()),
        Arc::new(dst_port.finish()),
        Arc::new(protocol.finish()),
        capture_mode.finish()?,
        exploit.finish()?,
        exploit_rule_id.finish()?,
        exploit_confidence.finish()?,
        family.finish()?,
        attribution_source.finish()?,
        rule_id.finish()?,
        family_confidence.finish()?,
    ];
    columns.extend(texts.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
    columns.extend([
        Arc::new(length.finish()) as ArrayRef,
        Arc::new(payload.finish()),
        country.finish()?,
        Arc::new(asn.finish()),
    ]);
    RecordBatch::try_new(Table::Payloads.schema(), columns).map_err(Error::from)
}
