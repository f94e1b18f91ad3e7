//! The JSON result of `campaigns`.

use ipnet::IpNet;
use jiff::Timestamp;
use serde::Serialize;

use super::cadence::{ActivityStatus, Cadence};
use crate::period::Period;

/// Name and version of the format.
pub(super) const SCHEMA: &str = "honeyxdp.campaigns/2";

/// Research scanners of an archive.
#[derive(Debug, Serialize)]
pub struct Campaigns {
    /// Name and version of the format: `honeyxdp.campaigns/2`.
    pub schema: &'static str,
    /// First and last day that the archive was asked for and has, UTC; none where it has nothing.
    pub period: Option<Period>,
    /// Rows that were read.
    pub rows: u64,
    /// Known scanners in the order of the file, with or without activity.
    pub known: Vec<KnownActivity>,
    /// Others, the most packets first.
    pub unknown: Vec<UnknownScanner>,
    /// How many others there are, with those that are not told for want of packets or of place.
    pub networks: u64,
    /// What was given up for want of memory.
    pub evicted: Evicted,
}

/// A known scanner and its activity.
#[derive(Debug, Serialize)]
pub struct KnownActivity {
    /// What it is called.
    pub name: String,
    /// Who runs it.
    pub about: String,
    /// Its prefixes, by the rules.
    pub prefixes: Vec<IpNet>,
    /// Its tool, by the rules.
    pub tool: Option<String>,
    /// What it did; none where it was not seen.
    pub activity: Option<Activity>,
}

/// Sources of one network that use one tool.
#[derive(Debug, Serialize)]
pub struct UnknownScanner {
    /// Their network, /24 or /48.
    pub network: IpNet,
    /// Family of their SYNs.
    pub tool: String,
    /// What they did.
    pub activity: Activity,
}

/// What a scanner did.
#[derive(Debug, Serialize)]
pub struct Activity {
    /// SYNs.
    pub packets: u64,
    /// Different sources.
    pub sources: u64,
    /// False where there were more than 4,096 sources: there are at least so many.
    pub all_sources: bool,
    /// Different destination ports.
    pub ports: usize,
    /// The ports, as `23` or `8000-8010`.
    pub port_ranges: Vec<String>,
    /// Days with SYNs, UTC.
    pub days: usize,
    /// Time of the first SYN.
    pub first_seen: Timestamp,
    /// Time of the last SYN.
    pub last_seen: Timestamp,
    /// How regularly it comes.
    pub cadence: Cadence,
    /// Whether it goes on.
    pub status: ActivityStatus,
}

/// What was given up for want of memory: the groups with the fewest packets at that time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evicted {
    /// How often a group was given up; it can have come again, with what it did since.
    pub groups: u64,
    /// SYNs that are in no group for that.
    pub packets: u64,
    /// Most SYNs that any group was given up with.
    pub most: u64,
}
