//! From what the kernel kept to labelled payloads and logins.

use std::{collections::BTreeMap, net::IpAddr};

use honeyxdp_archive::{Attribution, CaptureMode, Classification};
use honeyxdp_common::{
    flow::Flow,
    responder::{Payload, Stage},
};
use honeyxdp_signatures::Signatures;
use jiff::Timestamp;

use super::{
    Sender,
    classify::{Labelled, labelled, mark},
    fingerprints::Marks,
    login::{Login, Logins},
};

/// Payloads that wait for the marks of their sources, bytes: those of a minute at the usual limits.
const MOST_WAITING: usize = 32 << 20;
/// Classifications that are counted one by one: exploit, family and port together could be millions.
const MOST_KINDS: usize = 4096;
/// What a payload takes beside its bytes.
const OVERHEAD: usize = 128;

/// What a payload is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// What it exploits, if a rule knows.
    pub exploit: Option<String>,
    /// Family of its source, or `unknown`.
    pub family: String,
    /// What decided that: `payload`, `mark` or `none`.
    pub attribution_source: String,
    /// Destination port.
    pub port: u16,
}

/// How many payloads there were, by what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By what they are.
    pub labels: BTreeMap<Kind, u64>,
    /// Payloads with a classification beyond the first 4,096, and those that a snapshot of another process did not list.
    pub unlisted: u64,
    /// Logins among them.
    pub logins: u64,
    /// Payloads that were given up, because there was no room until their sources' marks were known.
    pub dropped: u64,
    /// Sources whose marks found no room: they can be told as unknown.
    pub forgotten: u64,
}

impl Tally {
    /// All of them.
    pub fn payloads(&self) -> u64 {
        self.labels.values().sum::<u64>() + self.unlisted
    }

    /// Counts one payload.
    fn count(&mut self, kind: Kind) {
        if self.labels.len() < MOST_KINDS || self.labels.contains_key(&kind) {
            *self.labels.entry(kind).or_default() += 1;
        } else {
            self.unlisted += 1;
        }
    }

    /// What came after an earlier state of the same tally.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let new = |(kind, count): (&Kind, &u64)| {
            let new = count - before.labels.get(kind).copied().unwrap_or(0);
            (new > 0).then(|| (kind.clone(), new))
        };
        Self {
            labels: self.labels.iter().filter_map(new).collect(),
            unlisted: self.unlisted - before.unlisted,
            logins: self.logins - before.logins,
            dropped: self.dropped - before.dropped,
            forgotten: self.forgotten - before.forgotten,
        }
    }
}

/// A payload that waits.
#[derive(Debug)]
struct Waiting {
    from: Sender,
    how: CaptureMode,
    length: u32,
    bytes: Vec<u8>,
}

/// Labels what was kept.
///
/// A payload comes some milliseconds after its SYN, but the SYN's record may still be in the kernel's cache then. So payloads
/// wait for the next cut, after which all marks are known that came before them.
#[derive(Debug)]
pub struct PayloadCapture {
    rules: Signatures,
    marks: Marks,
    logins: Logins,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    over: Vec<Login>,
    tally: Tally,
    /// When records and payloads are read, at most 50 ms after they came.
    now: Timestamp,
}

impl PayloadCapture {
    /// One that labels by these rules.
    pub fn new(rules: Signatures) -> Self {
        Self {
            rules,
            marks: Marks::default(),
            logins: Logins::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            over: Vec::new(),
            tally: Tally::default(),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    /// Goes on with what a process before had counted.
    pub fn resume(&mut self, tally: Tally) {
        self.tally = tally;
    }

    /// Sets the time of the records and payloads that follow.
    pub const fn set_time(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Takes a flow record: its fingerprint is that of its source.
    pub fn record(&mut self, flow: &Flow) {
        self.marks.record(flow, self.now);
    }

    /// Takes a payload.
    pub fn payload(&mut self, payload: &Payload) {
        let from = Sender {
            time: self.now,
            src: payload.src,
            is_v4: payload.is_v4(),
            sport: payload.sport,
            dport: payload.dport,
        };
        let how = match payload.stage() {
            Stage::Observed => CaptureMode::Observed,
            Stage::Answered => CaptureMode::Answered,
            Stage::User | Stage::Password => {
                self.over.extend(self.logins.take(payload, from));
                return;
            }
        };
        let bytes = payload.data().to_vec();
        if self.waiting_bytes + bytes.len() + OVERHEAD > MOST_WAITING {
            self.tally.dropped += 1;
            return;
        }
        self.waiting_bytes += bytes.len() + OVERHEAD;
        self.waiting.push(Waiting { from, how, length: payload.length, bytes });
    }

    /// Labels everything that waits, after all flow records up to now were taken, and hands it on.
    pub fn close(&mut self, now: Timestamp, mut take: impl FnMut(honeyxdp_archive::PayloadRow)) {
        self.over.extend(self.logins.expired(now));
        self.waiting_bytes = 0;
        for payload in std::mem::take(&mut self.waiting) {
            take(self.labelled(payload));
        }
        for login in std::mem::take(&mut self.over) {
            take(self.login(login));
        }
        self.tally.forgotten = self.marks.forgotten();
    }

    /// Ends all logins that go on: nothing more will come.
    pub fn end(&mut self) {
        self.over.extend(self.logins.rest());
    }

    /// What there was so far.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    fn labelled(&mut self, payload: Waiting) -> honeyxdp_archive::PayloadRow {
        let Labelled { exploit, family, url } = labelled(&self.rules, &payload.bytes);
        let family = family.unwrap_or_else(|| self.by_fingerprint(payload.from));
        let mut row = self.row(payload.from, payload.how, exploit, family);
        [row.url_host, row.url_path, row.url_file] = url;
        (row.length, row.payload) = (payload.length, payload.bytes);
        row
    }

    fn login(&mut self, login: Login) -> honeyxdp_archive::PayloadRow {
        self.tally.logins += 1;
        let family = self.by_fingerprint(login.from);
        let mut row = self.row(login.from, CaptureMode::Answered, None, family);
        row.username = Some(text(login.user));
        row.password = login.password.map(text);
        row.length = login.length;
        row
    }

    fn by_fingerprint(&self, from: Sender) -> Attribution {
        match self.marks.of(from.src, from.is_v4, from.time) {
            Some(family) => Attribution::ByFingerprint(mark(family, from.is_v4)),
            None => Attribution::Unattributed,
        }
    }

    /// A row, which is counted.
    fn row(
        &mut self,
        from: Sender,
        how: CaptureMode,
        exploit: Option<Classification>,
        family: Attribution,
    ) -> honeyxdp_archive::PayloadRow {
        let kind = Kind {
            exploit: exploit.as_ref().map(|exploit| exploit.name.to_string()),
            family: family.family().to_owned(),
            attribution_source: family.source().to_owned(),
            port: from.dport,
        };
        self.tally.count(kind);
        let src = if from.is_v4 { IpAddr::V4(from.src.v4().into()) } else { IpAddr::V6(from.src.v6().into()) };
        honeyxdp_archive::PayloadRow {
            // The interval is that of the archive, which fills it in.
            interval_start: 0,
            time: from.time.as_millisecond(),
            src,
            src_port: from.sport,
            dst_port: from.dport,
            protocol: honeyxdp_archive::TCP,
            capture_mode: how,
            exploit,
            family,
            url_host: None,
            url_path: None,
            url_file: None,
            username: None,
            password: None,
            length: 0,
            payload: Vec::new(),
            country: None,
            asn: None,
        }
    }
}

/// Text as it was typed; where it is no UTF-8, its other bytes as `\xNN`.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| error.as_bytes().escape_ascii().to_string())
}
