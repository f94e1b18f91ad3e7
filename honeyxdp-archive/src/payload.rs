//! Rows of payloads and logins, and how they become columns.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{BinaryBuilder, StringBuilder, TimestampMillisecondBuilder, UInt16Builder, UInt32Builder},
};

use crate::{Error, Origin, Result, Table, dictionary::DictionaryBuilder, sources::Sources};

/// Most bytes that are kept of a payload, and of each text that was found in it.
pub const MOST_PAYLOAD: usize = 512;

/// CaptureMode a payload came to be captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaptureMode {
    /// Something else listens at the port, and its connection was looked at.
    Observed,
    /// Nothing listens there, and a responder answered the SYN.
    Answered,
    /// Another program wrote it down.
    Imported,
}

impl CaptureMode {
    /// Its word in the archive.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Answered => "answered",
            Self::Imported => "imported",
        }
    }
}

/// What something is, and the rule that says so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Classification {
    /// Its id, as `CVE-2017-17215` or `qbot`.
    pub name: Cow<'static, str>,
    /// Id of the rule, as `mirai/1`.
    pub rule: Cow<'static, str>,
    /// Letter of the rule's confidence, from A, which is the most certain, to D.
    pub confidence: char,
}

/// The family of a payload's source, and what decided it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribution {
    /// The payload itself.
    ByPayload(Classification),
    /// The mark of the source's SYNs, of the last 24 hours.
    ByFingerprint(Classification),
    /// Nothing: the family is not known.
    #[default]
    Unattributed,
}

impl Attribution {
    /// The family, `unknown` where nothing decided.
    pub fn family(&self) -> &str {
        self.label().map_or("unknown", |label| &label.name)
    }

    /// What decided, as the archive's word.
    pub const fn by(&self) -> &'static str {
        match self {
            Self::ByPayload(_) => "payload",
            Self::ByFingerprint(_) => "mark",
            Self::Unattributed => "none",
        }
    }

    /// The family with its rule.
    pub const fn label(&self) -> Option<&Classification> {
        match self {
            Self::ByPayload(label) | Self::ByFingerprint(label) => Some(label),
            Self::Unattributed => None,
        }
    }
}

/// A row of [`Table::Payloads`]: the first payload of a connection, or a login. Times are milliseconds since the Unix epoch,
/// UTC. Texts are those of whoever sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadRow {
    /// Begin of the interval that it was read in, as [`crate::AccountingRow`] has it.
    pub interval_start: i64,
    /// When it came.
    pub time: i64,
    /// Source address.
    pub src: IpAddr,
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// CaptureMode it was captured.
    pub how: CaptureMode,
    /// The hole that it is for, or what else it tries.
    pub exploit: Option<Classification>,
    /// Who sent it.
    pub family: Attribution,
    /// Host of the URL that it has something loaded from.
    pub url_host: Option<String>,
    /// Path of that URL, with the file.
    pub url_path: Option<String>,
    /// The last part of the path.
    pub url_file: Option<String>,
    /// The name of a login.
    pub username: Option<String>,
    /// The password of a login.
    pub password: Option<String>,
    /// Bytes of the whole payload.
    pub length: u32,
    /// Its first bytes, [`MOST_PAYLOAD`] at most; empty for a login.
    pub payload: Vec<u8>,
    /// ISO 3166 code, by GeoIP at the time of writing.
    pub country: Option<[u8; 2]>,
    /// Number of the autonomous system, by GeoIP at the time of writing.
    pub asn: Option<u32>,
}

impl PayloadRow {
    /// In the order of the columns.
    fn texts(&self) -> [Option<&String>; 5] {
        [&self.url_host, &self.url_path, &self.url_file, &self.username, &self.password].map(Option::as_ref)
    }

    /// Cuts off what is over [`MOST_PAYLOAD`].
    pub fn cut(&mut self) {
        self.payload.truncate(MOST_PAYLOAD);
        let texts =
            [&mut self.url_host, &mut self.url_path, &mut self.url_file, &mut self.username, &mut self.password];
        for text in texts.into_iter().flatten() {
            text.truncate(text.floor_char_boundary(MOST_PAYLOAD));
        }
    }

    /// Bytes of memory, about.
    pub(crate) fn memory(&self) -> usize {
        let texts: usize = self.texts().into_iter().flatten().map(String::capacity).sum();
        size_of::<Self>() + self.payload.capacity() + texts
    }
}

/// The rows as columns of [`Table::Payloads`].
///
/// # Errors
/// When they do not fit the schema, which is a bug.
pub fn payloads_batch<'a>(origin: Origin, rows: impl ExactSizeIterator<Item = &'a PayloadRow>) -> Result<RecordBatch> {
    let n = rows.len();
    let time = || TimestampMillisecondBuilder::with_capacity(n).with_timezone("UTC");
    let words = || DictionaryBuilder::with_capacity(n);
    let (mut sensors, mut sites, mut hows, mut decided, mut countries) = (words(), words(), words(), words(), words());
    let (mut exploits, mut exploit_rules, mut exploit_confidences) = (words(), words(), words());
    let (mut families, mut evidences, mut family_confidences) = (words(), words(), words());
    let (mut starts, mut times) = (time(), time());
    let u32s = || UInt32Builder::with_capacity(n);
    let u16s = || UInt16Builder::with_capacity(n);
    let mut sources = Sources::with_capacity(n);
    let (mut sport, mut dport, mut length, mut asn) = (u16s(), u16s(), u32s(), u32s());
    let mut texts: [StringBuilder; 5] = std::array::from_fn(|_| StringBuilder::new());
    let mut payloads = BinaryBuilder::new();
    for row in rows {
        sensors.push(Some(origin.sensor));
        sites.push(origin.site);
        starts.append_value(row.interval_start);
        times.append_value(row.time);
        sources.push(row.src)?;
        sport.append_value(row.sport);
        dport.append_value(row.dport);
        hows.push(Some(row.how.name()));
        let mut letter = [0; 4];
        let label = row.exploit.as_ref();
        exploits.push(label.map(|label| &*label.name));
        exploit_rules.push(label.map(|label| &*label.rule));
        exploit_confidences.push(label.map(|label| &*label.confidence.encode_utf8(&mut letter)));
        let label = row.family.label();
        families.push(Some(row.family.family()));
        decided.push(Some(row.family.by()));
        evidences.push(label.map(|label| &*label.rule));
        family_confidences.push(label.map(|label| &*label.confidence.encode_utf8(&mut letter)));
        texts.iter_mut().zip(row.texts()).for_each(|(column, text)| column.append_option(text));
        length.append_value(row.length);
        payloads.append_value(&row.payload);
        countries.push(row.country.as_ref().and_then(|code| std::str::from_utf8(code).ok()));
        asn.append_option(row.asn);
    }
    let [src, src6] = sources.finish();
    let mut columns: Vec<ArrayRef> = vec![
        sensors.finish()?,
        Arc::new(starts.finish()),
        Arc::new(times.finish()),
        src,
        src6,
        Arc::new(sport.finish()),
        Arc::new(dport.finish()),
        hows.finish()?,
        exploits.finish()?,
        exploit_rules.finish()?,
        exploit_confidences.finish()?,
        families.finish()?,
        decided.finish()?,
        evidences.finish()?,
        family_confidences.finish()?,
    ];
    columns.extend(texts.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
    columns.extend([
        Arc::new(length.finish()) as ArrayRef,
        Arc::new(payloads.finish()),
        countries.finish()?,
        Arc::new(asn.finish()),
        sites.finish()?,
    ]);
    RecordBatch::try_new(Table::Payloads.schema(), columns).map_err(Error::from)
}
