//! Pair tests: what two SYNs of one source show that one alone does not.
//!
//! They run on flow records, in user space: there the SYNs of a source meet that came to different ports and CPUs, and a packet
//! pays nothing for them. What a rule needs of a SYN (sequence number, destination, ports) each record has twice, of its
//! first and of its last SYN.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use honeyxdp_common::{
    Family, Options,
    family::{Certainty, Rule},
    flow::Flow,
};

/// After this long without a SYN a source is forgotten, at twice this long at the latest.
const MEMORY: Duration = Duration::from_secs(3_600);
/// About what a source takes in the table, bytes.
const SOURCE: u64 = 160;

/// The families that a pair of SYNs can settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pair {
    /// nmap's mask over its sequence numbers.
    Nmap,
    /// unicornscan's key over sequence number, destination and ports.
    Unicornscan,
    /// naabu's counter.
    Naabu,
    /// Hajime's mark more than once.
    Hajime,
}

impl Pair {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nmap, Self::Unicornscan, Self::Naabu, Self::Hajime];

    /// The family.
    pub const fn family(self) -> Family {
        match self {
            Self::Nmap => Family::NMAP,
            Self::Unicornscan => Family::UNICORNSCAN,
            Self::Naabu => Family::NAABU,
            Self::Hajime => Family::HAJIME,
        }
    }

    /// The rule by which a source is settled.
    pub const fn rule(self) -> Rule {
        RULES[self as usize]
    }
}

const RULES: [Rule; 4] = [
    Rule {
        id: "nmap-pair/1",
        name: "nmap",
        test: "x = seq1 ^ seq2, x >> 16 == x & 0xffff: once with x & 0xffff <= 0xff, or twice; x == 0 only for two targets and if both carry nmap's mark; and for half of all pairs",
        certainty: Certainty::A,
        source: "nmap, scan_engine_raw.cc (seq32_encode)",
        caveat: "2^-24 per pair by chance, 2^-32 for the wider rule; a tool with one constant sequence number and nmap's window looks the same",
    },
    Rule {
        id: "unicornscan-pair/1",
        name: "unicornscan",
        test: "seq ^ bswap32(dst) ^ (dport << 16 | sport) is the same for two SYNs to different targets, or without bswap32 (big-endian sender); and for half of all pairs",
        certainty: Certainty::A,
        source: "unicornscan, tcphash.h; a public capture of 11 runs has one key in each",
        caveat: "2^-32 per pair by chance; IPv4 only",
    },
    Rule {
        id: "naabu-pair/1",
        name: "naabu",
        test: "win == 1024 and opts == MSS 1460 alone, seq goes up by less than 2^16 from one SYN to the next; for half of all pairs",
        certainty: Certainty::A,
        source: "naabu, pkg/scan: a counter from 0 on",
        caveat: "2^-16 per pair of SYNs that look like that by chance",
    },
    Rule {
        id: "hajime-source/1",
        name: "hajime",
        test: "hajime's mark with two different seq, and on half of the source's SYNs with window 14600",
        certainty: Certainty::C,
        source: "as hajime/1",
        caveat: "a host of Linux 2.6.39 to 3.x would need two hits of 3e-5",
    },
];

/// What is known of one source.
#[derive(Clone, Copy, Debug)]
struct Trace {
    /// The SYN that all others are compared with.
    first: Probe,
    /// The newest one.
    last: Probe,
    /// SYNs so far that no interval has counted as settled.
    packets: u64,
    pairs: u32,
    /// Pairs that speak for nmap, and how much.
    nmap: u32,
    nmap_weight: u32,
    unicornscan: u32,
    naabu: u32,
    window_14600: u64,
    hajime: u64,
    hajime_varies: bool,
    settled: Option<Pair>,
}

/// What is compared of a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Probe {
    seq: u32,
    dst: u32,
    dport: u16,
    sport: u16,
    /// Whether it has nmap's and naabu's options.
    mss_1460: bool,
    nmap: bool,
    window: u16,
}

impl Probe {
    fn first(flow: &Flow) -> Self {
        Self {
            seq: flow.first_seq,
            dst: flow.first_dst,
            dport: flow.dport(),
            sport: flow.first_sport,
            mss_1460: flow.options_length == Options::MSS_1460.claimed
                && flow.options_head == Options::MSS_1460.words[0],
            nmap: flow.tags() >> Family::NMAP.wire_id() & 1 != 0,
            window: flow.window,
        }
    }

    fn last(flow: &Flow) -> Self {
        Self { seq: flow.last_seq, dst: flow.last_dst, sport: flow.last_sport, ..Self::first(flow) }
    }

    const fn same_target(&self, other: &Self) -> bool {
        self.dst == other.dst && self.dport == other.dport
    }

    /// Without and with the little-endian sender's order of bytes.
    const fn unicornscan_keys(&self) -> [u32; 2] {
        let ports = (self.dport as u32) << 16 | self.sport as u32;
        [self.seq ^ self.dst ^ ports, self.seq ^ self.dst.swap_bytes() ^ ports]
    }
}

impl Trace {
    const fn begin(probe: Probe) -> Self {
        Self {
            first: probe,
            last: probe,
            packets: 0,
            pairs: 0,
            nmap: 0,
            nmap_weight: 0,
            unicornscan: 0,
            naabu: 0,
            window_14600: 0,
            hajime: 0,
            hajime_varies: false,
            settled: None,
        }
    }

    fn compare(&mut self, probe: Probe, is_v4: bool) {
        let (first, last) = (self.first, self.last);
        self.last = probe;
        if probe.seq == last.seq && probe.same_target(&last) {
            // The same SYN once more says nothing.
            return;
        }
        self.pairs += 1;
        let x = first.seq ^ probe.seq;
        let weight = match (x >> 16 == x & 0xffff, x) {
            (true, 0) if probe.nmap && first.nmap && !probe.same_target(&first) => 2,
            (false, _) | (_, 0) => 0,
            (true, x) if x & 0xffff <= 0xff => 2,
            (true, _) => 1,
        };
        self.nmap += u32::from(weight > 0);
        self.nmap_weight += weight;
        if is_v4 && !(probe.same_target(&first) && probe.sport == first.sport) {
            let keys = first.unicornscan_keys().into_iter().zip(probe.unicornscan_keys());
            self.unicornscan += u32::from(keys.into_iter().any(|(one, other)| one == other));
        }
        let up = probe.seq.wrapping_sub(last.seq);
        let looks = |probe: &Probe| probe.mss_1460 && probe.window == 1024;
        self.naabu += u32::from(looks(&probe) && looks(&last) && up > 0 && up < 1 << 16);
    }

    fn settle(&mut self) -> Option<Pair> {
        let most = |hits: u32| hits > 0 && hits >= self.pairs.div_ceil(2);
        self.settled = self.settled.or(if self.nmap_weight >= 2 && most(self.nmap) {
            Some(Pair::Nmap)
        } else if most(self.unicornscan) {
            Some(Pair::Unicornscan)
        } else if most(self.naabu) {
            Some(Pair::Naabu)
        } else if self.hajime_varies && self.hajime * 2 >= self.window_14600 {
            Some(Pair::Hajime)
        } else {
            None
        });
        self.settled
    }
}

/// The sources whose SYNs are compared.
#[derive(Debug)]
pub(super) struct Pairs {
    recent: HashMap<u128, Trace>,
    /// What was in `recent` before it was put away.
    older: HashMap<u128, Trace>,
    since: Instant,
    /// Sources that `recent` may have.
    most: usize,
    untested: u64,
}

impl Pairs {
    /// Starts with nothing, and takes at most about this many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        Self {
            recent: HashMap::new(),
            older: HashMap::new(),
            since: Instant::now(),
            most: usize::try_from(bytes / SOURCE / 2).unwrap_or(usize::MAX),
            untested: 0,
        }
    }

    /// Looks at a record. Returns how its source is settled, and how many of its SYNs that settles: when it has just been,
    /// all that came before.
    pub(super) fn record(&mut self, flow: &Flow) -> Option<(Pair, u64)> {
        if !is_candidate(flow.family()) {
            return None;
        }
        let is_v4 = flow.is_v4();
        // RFC 4291, section 2.5.5.2.
        let key = if is_v4 { 0xffff << 32 | u128::from(flow.src.v4()) } else { flow.src.v6() };
        let trace = match self.recent.get_mut(&key) {
            Some(trace) => trace,
            None => {
                let older = self.older.remove(&key);
                if older.is_none() && self.recent.len() >= self.most {
                    self.untested += u64::from(flow.packets);
                    return None;
                }
                self.recent.entry(key).or_insert_with(|| older.unwrap_or_else(|| Trace::begin(Probe::first(flow))))
            }
        };
        trace.compare(Probe::first(flow), is_v4);
        if flow.packets > 1 {
            trace.compare(Probe::last(flow), is_v4);
        }
        let packets = u64::from(flow.packets);
        trace.packets += packets;
        if flow.window == 14_600 {
            trace.window_14600 += packets;
        }
        if flow.family() == Family::HAJIME {
            trace.hajime_varies |= flow.seq_varies() || trace.hajime > 0 && trace.first.seq != flow.first_seq;
            trace.hajime += packets;
        }
        let settled = trace.settle()?;
        Some((settled, std::mem::take(&mut trace.packets)))
    }

    /// Forgets what is old. To be called now and then.
    pub(super) fn age(&mut self) {
        if self.since.elapsed() >= MEMORY || (self.recent.len() >= self.most && self.since.elapsed() >= MEMORY / 60) {
            self.older = std::mem::take(&mut self.recent);
            self.since = Instant::now();
        }
    }

    /// SYNs whose sources found no room in the table.
    pub(super) const fn untested(&self) -> u64 {
        self.untested
    }
}

/// Whether a pair could settle a SYN of this family. The marks of the others need no second SYN.
fn is_candidate(family: Family) -> bool {
    [Family::OTHER, Family::NMAP, Family::UNICORNSCAN, Family::NAABU, Family::HAJIME].contains(&family)
}
