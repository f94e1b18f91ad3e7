//! What a comparison tells, as its JSON is.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use super::entry::UnparsableReason;
use crate::period::{Period, Step};

/// Name and version of the format.
pub(super) const SCHEMA: &str = "honeyxdp.comparison/1";

/// Lists against what was seen.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// Name and version of the format: `honeyxdp.comparison/1`.
    pub schema: &'static str,
    /// Each list by itself, in the order of the command line.
    pub lists: Vec<ListResult>,
    /// All of them together: what is in two lists counts once among the addresses.
    pub total: TotalResult,
    /// Some lines that could not be read.
    pub examples: Vec<UnparsableExample>,
    /// Users and passwords.
    pub credentials: CredentialStats,
    /// How far the addresses are those that were seen; none without an archive.
    pub overlap: Option<Overlap>,
}

/// What the lines of a list were. `lines` is the sum of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LineCounts {
    /// All lines.
    pub lines: u64,
    /// Empty lines and comments.
    pub blank: u64,
    /// Lines that name columns.
    pub headers: u64,
    /// Lines with an address.
    pub entries: u64,
    /// Lines that are none of these, by the reason.
    pub unparsable: BTreeMap<UnparsableReason, u64>,
}

impl LineCounts {
    /// All lines that could not be read.
    pub fn unparsable_lines(&self) -> u64 {
        self.unparsable.values().sum()
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.blank += other.blank;
        self.headers += other.headers;
        self.entries += other.entries;
        for (&reason, lines) in &other.unparsable {
            *self.unparsable.entry(reason).or_default() += lines;
        }
    }
}

/// One list.
#[derive(Debug, Serialize)]
pub struct ListResult {
    /// Its path, or `standard input`. A path that is not UTF-8 has U+FFFD in it.
    pub name: String,
    /// Encoding that it was decoded from; none where its bytes were taken as they are (UTF-8, Latin-1 and the like).
    pub encoding: Option<&'static str>,
    /// Whether it was unpacked.
    pub gzip: bool,
    /// Bytes of its text, unpacked and as UTF-8.
    pub bytes: u64,
    /// Its lines.
    #[serde(flatten)]
    pub lines: LineCounts,
    /// Entries whose address stood in this list before.
    pub duplicates: u64,
    /// Different addresses.
    pub unique_addresses: u64,
    /// Those of them that were seen, under any family; none without an archive.
    pub seen_addresses: Option<u64>,
    /// Why the rest of it could not be read.
    pub damage: Option<String>,
}

/// All lists together.
#[derive(Debug, Serialize)]
pub struct TotalResult {
    /// Their lines.
    #[serde(flatten)]
    pub lines: LineCounts,
    /// Entries whose address stood in one of the lists before.
    pub duplicates: u64,
    /// Entries that stood there before with the same port and credentials; none where there were too many to tell.
    pub repeated: Option<u64>,
    /// Different addresses.
    pub unique_addresses: u64,
    /// Those of them that are of IPv6.
    pub unique_ipv6: u64,
    /// Those of them that are of IPv4 and cannot be on the internet: private, loopback, multicast and so on.
    pub not_global: u64,
    /// False where there were more IPv6 addresses than are held: their numbers are then too low.
    pub exact: bool,
}

/// A line that could not be read.
#[derive(Debug, Serialize)]
pub struct UnparsableExample {
    /// Name of its list.
    pub list: String,
    /// Its number, from 1 on.
    pub line: u64,
    /// Why it could not be read.
    pub reason: UnparsableReason,
    /// How it begins; with letters as `x` and digits as `9` where passwords are not shown.
    pub text: String,
}

/// Users and passwords.
#[derive(Debug, Serialize)]
pub struct CredentialStats {
    /// Lines that have some.
    pub lines: u64,
    /// Different pairs; none where there were too many to tell.
    pub pairs: Option<u64>,
    /// `lines` of a pair are too low by this at most: 0 unless there were too many pairs to hold.
    pub error: u64,
    /// Whether passwords are told.
    pub passwords_shown: bool,
    /// The most frequent ones.
    pub top: Vec<CredentialPair>,
    /// Share of the ten most frequent pairs in all lines that have some, from 0 to 1.
    pub top10_share: Option<f64>,
}

/// A user and a password.
#[derive(Debug, Serialize)]
pub struct CredentialPair {
    /// The user.
    pub user: String,
    /// The password; none where it is not shown.
    pub password: Option<String>,
    /// Lines with them.
    pub lines: u64,
    /// Share in all lines that have credentials, from 0 to 1.
    pub share: f64,
}

/// Addresses of the lists among the sources that were seen.
#[derive(Debug, Serialize)]
pub struct Overlap {
    /// First and last day that the archive was asked for and has, UTC; none where it has nothing.
    pub period: Option<Period>,
    /// Files that were read.
    pub files: u64,
    /// Rows that were read.
    pub rows: u64,
    /// By family of the sources, and `all`.
    pub families: BTreeMap<String, FamilyOverlap>,
    /// Length of the buckets below.
    pub step: Step,
    /// The same by buckets of time.
    pub periods: Vec<OverlapBucket>,
}

/// A bucket of time.
#[derive(Debug, Serialize)]
pub struct OverlapBucket {
    /// First day.
    pub start: Date,
    /// By family of the sources, and `all`.
    pub families: BTreeMap<String, FamilyOverlap>,
}

/// Sources, and those of them that a list has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FamilyOverlap {
    /// Different sources.
    pub sources: u64,
    /// Those that are in a list.
    pub in_lists: u64,
    /// Their share in the addresses of the lists, from 0 to 1.
    pub share_of_lists: Option<f64>,
    /// Their share in the sources, from 0 to 1.
    pub share_of_sources: Option<f64>,
    /// False where there were more IPv6 sources than are held: numbers are then too low.
    pub exact: bool,
}
