//! Multi-packet fingerprints: what two SYNs of one source show and one SYN does not.
//!
//! They run on flow records in user space, where SYNs of a source to different ports and CPUs come together; packets cost
//! nothing extra. A record has the fields that a rule needs (sequence number, destination, ports) of its first and of its
//! last SYN.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use foldhash::quality::RandomState;
use honeyxdp_common::{
    Family, Options,
    family::{Confidence, Rule},
    flow::Flow,
};

/// After this long without a SYN a source is forgotten, at twice this long at the latest.
const MEMORY: Duration = Duration::from_secs(3_600);
/// About what a source takes in the table, bytes.
const SOURCE: u64 = 160;

/// A multi-packet fingerprint, by its family.
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

    /// The rule by which a source is attributed.
    pub const fn rule(self) -> Rule {
        RULES[self as usize]
    }
}

const RULES: [Rule; 4] = [
    Rule {
        id: "nmap-pair/1",
        name: "nmap",
        condition: "x = seq1 ^ seq2, x >> 16 == x & 0xffff: once with x & 0xffff <= 0xff, or twice; x == 0 only for two targets and if both carry nmap's mark; and for half of all pairs",
        confidence: Confidence::A,
        source: "nmap, scan_engine_raw.cc (seq32_encode)",
        caveat: "2^-24 per pair by chance, 2^-32 for the wider rule; a tool with one constant sequence number and nmap's window looks the same",
    },
    Rule {
        id: "unicornscan-pair/1",
        name: "unicornscan",
        condition: "seq ^ bswap32(dst) ^ (dport << 16 | sport) is the same for two SYNs to different targets, or without bswap32 (big-endian sender); and for half of all pairs",
        confidence: Confidence::A,
        source: "unicornscan, tcphash.h; a public capture of 11 runs has one key in each",
        caveat: "2^-32 per pair by chance; IPv4 only",
    },
    Rule {
        id: "naabu-pair/1",
        name: "naabu",
        condition: "win == 1024 and opts == MSS 1460 alone, seq goes up by less than 2^16 from one SYN to the next; for half of all pairs",
        confidence: Confidence::A,
        source: "naabu, pkg/scan: a counter from 0 on",
        caveat: "2^-16 per pair of SYNs that look like that by chance",
    },
    Rule {
        id: "hajime-source/1",
        name: "hajime",
        condition: "hajime's mark with two different seq, and on half of the source's SYNs with window 14600",
        confidence: Confidence::C,
        source: "as hajime/1",
        caveat: "a host of Linux 2.6.39 to 3.x would need two hits of 3e-5",
    },
];

/// The match of a multi-packet fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributed {
    /// The fingerprint.
    pub pair: Pair,
    /// SYNs of the source that are attributed now: at the first match, all that came before too.
    pub packets: u64,
}

/// What is known of one source.
#[derive(Clone, Copy, Debug)]
struct Trace {
    /// The SYN that all others are compared with.
    first: Probe,
    /// The newest one.
    last: Probe,
    /// SYNs so far that no interval has counted as attributed.
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
    attributed: Option<Pair>,
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
            nmap: flow.matched() >> Family::NMAP.wire_id() & 1 != 0,
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
            attributed: None,
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
        self.attributed = self.attributed.or(if self.nmap_weight >= 2 && most(self.nmap) {
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
        self.attributed
    }
}

/// What is known, by address. Who forges sources chooses the addresses: the hash has a secret, so nobody can choose such that
/// fall together.
type Traces = HashMap<u128, Trace, RandomState>;

/// The sources whose SYNs are compared.
#[derive(Debug)]
pub struct PairTracker {
    recent: Traces,
    /// What was in `recent` before it was put away.
    older: Traces,
    since: Instant,
    /// Sources that `recent` may have.
    most: usize,
    skipped: u64,
}

impl PairTracker {
    /// An empty table of at most about `bytes` bytes.
    pub fn new(bytes: u64) -> Self {
        Self {
            recent: Traces::default(),
            older: Traces::default(),
            since: Instant::now(),
            most: usize::try_from(bytes / SOURCE / 2).unwrap_or(usize::MAX),
            skipped: 0,
        }
    }

    /// Compares a record with earlier ones of its source. Returns the attribution of the source, if it has one.
    pub fn record(&mut self, flow: &Flow) -> Option<Attributed> {
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
                    self.skipped += u64::from(flow.packets);
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
        let pair = trace.settle()?;
        Some(Attributed { pair, packets: std::mem::take(&mut trace.packets) })
    }

    /// Forgets sources without recent SYNs. Call it at every flip.
    pub fn age(&mut self) {
        if self.since.elapsed() >= MEMORY || (self.recent.len() >= self.most && self.since.elapsed() >= MEMORY / 60) {
            self.older = std::mem::take(&mut self.recent);
            self.since = Instant::now();
        }
    }

    /// SYNs that were not examined because the table was full.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }
}

/// Whether a second SYN could attribute a SYN of this family. The fingerprints of the others need one SYN.
fn is_candidate(family: Family) -> bool {
    [Family::OTHER, Family::NMAP, Family::UNICORNSCAN, Family::NAABU, Family::HAJIME].contains(&family)
}

#[cfg(test)]
mod tests {
    use honeyxdp_common::{Address, IpVersion, Syn, fingerprints};

    use super::*;

    const SOURCE: u32 = 0xc612_0064;

    fn pairs() -> PairTracker {
        PairTracker::new(1 << 20)
    }

    /// A record of one SYN.
    fn record(pairs: &mut PairTracker, syn: Syn) -> Option<(Pair, u64)> {
        let matched = fingerprints::matching(&syn);
        let found = pairs.record(&Flow::begin(&syn, fingerprints::primary(matched), matched, 0, 0));
        found.map(|Attributed { pair, packets }| (pair, packets))
    }

    fn syn(seq: u32, dst: u32, dport: u16) -> Syn {
        let (src, dst) = (Address::from_v4(SOURCE), Address::from_v4(dst));
        Syn { src, dst, dport, seq, sport: 40_000, window: 64_240, ttl: 64, ip_id: 7, ..Syn::BLANK }
    }

    /// With nmap's window and option.
    fn scan(seq: u32, dst: u32, dport: u16) -> Syn {
        Syn { window: 1_024, options: Options::MSS_1460, ..syn(seq, dst, dport) }
    }

    #[test]
    fn nmap_mask_attributes_earlier_syns_too() {
        let mut pairs = pairs();
        // A probe, and a second try of another one: nmap writes the try into both halves, under one mask.
        assert_eq!(record(&mut pairs, scan(0x1234_abcd, 1, 80)), None);
        let attributed = record(&mut pairs, scan(0x1234_abcd ^ 0x0001_0001, 1, 443));
        assert_eq!(attributed, Some((Pair::Nmap, 2)));
        assert_eq!(record(&mut pairs, scan(0x1234_abcd, 2, 80)), Some((Pair::Nmap, 1)));
    }

    #[test]
    fn constant_sequence_number_is_nmap_only_with_its_fingerprint() {
        let mut pairs = pairs();
        record(&mut pairs, scan(0x1234_abcd, 1, 80));
        assert_eq!(record(&mut pairs, scan(0x1234_abcd, 1, 81)), Some((Pair::Nmap, 2)));

        let mut pairs = self::pairs();
        record(&mut pairs, syn(0x1234_abcd, 1, 80));
        assert_eq!(record(&mut pairs, syn(0x1234_abcd, 1, 81)), None);
    }

    #[test]
    fn wide_nmap_rule_needs_two_hits() {
        let mut pairs = pairs();
        record(&mut pairs, syn(0, 1, 80));
        assert_eq!(record(&mut pairs, syn(0xabcd_abcd, 1, 81)), None);
        assert_eq!(record(&mut pairs, syn(0x1234_1234, 1, 82)), Some((Pair::Nmap, 3)));
    }

    #[test]
    fn finds_unicornscan_key_of_both_byte_orders() {
        let key = 0x5bd1_e995;
        for swapped in [true, false] {
            let probe = |dst: u32, dport: u16| {
                let part = if swapped { dst.swap_bytes() } else { dst };
                syn(key ^ part ^ (u32::from(dport) << 16 | 40_000), dst, dport)
            };
            let mut pairs = pairs();
            assert_eq!(record(&mut pairs, probe(0xc612_0001, 22)), None);
            assert_eq!(record(&mut pairs, probe(0xc612_0002, 23)), Some((Pair::Unicornscan, 2)), "{swapped}");
        }
    }

    #[test]
    fn naabu_counts_up() {
        let mut pairs = pairs();
        record(&mut pairs, scan(0x0100_0005, 1, 80));
        assert_eq!(record(&mut pairs, scan(0x0100_0009, 1, 81)), Some((Pair::Naabu, 2)));
        // Downwards is nobody's.
        let mut pairs = self::pairs();
        record(&mut pairs, scan(0x0100_0009, 1, 80));
        assert_eq!(record(&mut pairs, scan(0x0100_0005, 1, 81)), None);
    }

    #[test]
    fn hajime_needs_two_sequence_numbers_and_half_of_its_window() {
        let hajime = |seq: u32, dport: u16| Syn { window: 14_600, ..syn(seq, 1, dport) };
        let mut pairs = pairs();
        assert_eq!(record(&mut pairs, hajime(0x1234_0000, 23)), None);
        assert_eq!(record(&mut pairs, hajime(0x1234_0000, 5358)), None, "the same number again");
        assert_eq!(record(&mut pairs, hajime(0x4321_0000, 5358)), Some((Pair::Hajime, 3)));

        // An ordinary Linux of that time, with a chance hit.
        let mut pairs = self::pairs();
        for port in 0..10 {
            assert_eq!(record(&mut pairs, hajime(0x1234_5678 + u32::from(port) * 0x0765_4321, port)), None);
        }
        record(&mut pairs, hajime(0x1111_0000, 80));
        assert_eq!(record(&mut pairs, hajime(0x2222_0000, 80)), None);
    }

    #[test]
    fn ordinary_stacks_and_decisive_fingerprints_are_not_attributed() {
        let mut pairs = pairs();
        let mut random = 0x9e37_79b9_u32;
        for source in 0..20_000_u32 {
            for port in [80, 443] {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                let syn = Syn { src: Address::from_v4(source % 1_000), ..syn(random, 1, port) };
                assert_eq!(record(&mut pairs, syn), None, "source {source}");
            }
        }
        // Mirai's sequence number is its destination: two of its SYNs have one key of unicornscan's.
        let mirai = |dst: u32| Syn { seq: dst, ..syn(0, dst, 23) };
        assert_eq!((record(&mut pairs, mirai(0xc612_0001)), record(&mut pairs, mirai(0xc612_0002))), (None, None));
    }

    #[test]
    fn first_and_last_syn_of_a_flow_are_compared() {
        let mut pairs = pairs();
        let (first, last) = (scan(0x1234_abcd, 1, 80), scan(0x1234_abcd ^ 0x0002_0002, 2, 80));
        let matched = fingerprints::matching(&first);
        let mut flow = Flow::begin(&first, fingerprints::primary(matched), matched, 0, 0);
        flow.add(&last, matched, 1);
        assert_eq!(pairs.record(&flow), Some(Attributed { pair: Pair::Nmap, packets: 2 }));
    }

    #[test]
    fn ipv6_mask_matches_and_a_full_table_counts_skipped_syns() {
        let mut pairs = PairTracker::new(super::SOURCE * 2);
        let v6 = |host: u128, seq: u32, dport: u16| Syn {
            version: IpVersion::V6,
            src: Address::from_v6(host),
            ttl: 255,
            ..scan(seq, 0, dport)
        };
        record(&mut pairs, v6(1, 0x1234_abcd, 80));
        assert_eq!(record(&mut pairs, v6(2, 0x1234_abcd, 80)), None, "no room for a second source");
        assert_eq!(pairs.skipped(), 1);
        assert_eq!(record(&mut pairs, v6(1, 0x1234_abcd, 81)), Some((Pair::Nmap, 2)));
    }
}
