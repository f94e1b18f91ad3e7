//! The flows of a capture: what the kernel program's cache is for packets, made for a thread that has the time to look ahead.
//!
//! An index of hashes leads to the flows, which lie one behind the other in the order in which they came, so they take no more
//! memory than they need. In a table as sparse as the kernel's cache the processor waited for the translation of addresses most of
//! the time: it remembers no more than some thousand pages. SYNs come in batches: first all looks into the index, then all looks
//! at flows, and each step asks the memory for what the next one needs.

use honeyxdp_common::{Address, Family, FamilySet, IpVersion, Options, Syn, flow::Flow};

use crate::consumers::Consumers;

/// Flows, as a power of two: 8 MiB. When there is no more room, all become records, and the table begins anew.
const FLOW_BITS: u32 = 17;
/// Places of the index, as a power of two: 2 MiB, at most half full.
const INDEX_BITS: u32 = FLOW_BITS + 1;
/// Places that may have a flow, from its own one on. Who chooses addresses such that a stretch is full, gets a record for
/// each SYN, and no long search.
const REACH: usize = 16;
/// SYNs in a batch: so many places are fetched from memory at the same time.
const BATCH: usize = 64;
/// In place of a flow's number.
const NONE: usize = 0;
/// Of an entry of the index: the number of a flow. Above it are the lower bits of its hash.
const NUMBER: u64 = (1 << FLOW_BITS) - 1;

/// Gathers SYNs into flows, and flows into sets of sources.
#[derive(Debug)]
pub(super) struct Flows {
    /// Entries; an empty one is 0.
    index: Vec<u64>,
    /// By number. What is at [`NONE`] is no flow.
    flows: Vec<Flow>,
    batch: Batch,
}

/// SYNs that are counted, but not in their flows yet.
#[derive(Debug)]
struct Batch {
    /// Each a flow of its own, which is half of what was dissected.
    syns: [Flow; BATCH],
    hashes: [u64; BATCH],
    length: usize,
}

impl Flows {
    /// Without any flow.
    pub(super) fn new() -> Self {
        Self {
            index: vec![0; 1 << INDEX_BITS],
            flows: vec![Flow::default()],
            batch: Batch { syns: [Flow::default(); BATCH], hashes: [0; BATCH], length: 0 },
        }
    }

    /// Takes a SYN.
    #[inline(always)]
    pub(super) fn add(&mut self, syn: &Syn, family: Family, matched: FamilySet, tick: u32, consumers: &mut Consumers) {
        let hash = hash(syn, family);
        prefetch(&self.index[home(hash)]);
        let Batch { syns, hashes, length } = &mut self.batch;
        syns[*length] = Flow::begin(syn, family, matched, tick, 0);
        hashes[*length] = hash;
        *length += 1;
        if *length == BATCH {
            self.gather(consumers);
        }
    }

    /// Makes records of all flows, and begins anew.
    pub(super) fn empty(&mut self, consumers: &mut Consumers) {
        self.gather(consumers);
        self.make_records(consumers);
    }

    fn make_records(&mut self, consumers: &mut Consumers) {
        for flow in self.flows.drain(NONE + 1..) {
            consumers.record(&flow);
        }
        self.index.fill(0);
    }

    /// Puts the batch into its flows.
    #[inline(never)]
    fn gather(&mut self, consumers: &mut Consumers) {
        if self.flows.len() + BATCH > 1 << FLOW_BITS {
            self.make_records(consumers);
        }
        let Self { index, flows, batch: Batch { syns, hashes, length } } = self;
        let length = std::mem::take(length);
        let mut numbers = [NONE; BATCH];
        let mut next = flows.len();
        for (number, &hash) in numbers.iter_mut().zip(&*hashes).take(length) {
            *number = look_up(index, hash, &mut next);
            if let Some(flow) = flows.get(*number) {
                prefetch(flow);
            }
        }
        for (new, number) in syns.iter().zip(numbers).take(length) {
            if let Some(flow) = flows.get_mut(number)
                && number != NONE
            {
                let syn = only_syn(new);
                if flow.holds(&syn, new.family()) {
                    flow.add(&syn, new.matched(), new.last_tick);
                    continue;
                }
            }
            consumers.sketch(new.family()).add(new.src, 0);
            if number == flows.len() {
                flows.push(*new);
            } else {
                // It found no place, or has the hash of another flow.
                consumers.record(new);
            }
        }
    }
}

/// The number of the flow with this hash, or `next` for a new one, or [`NONE`] when there is no place for it.
#[inline(always)]
fn look_up(index: &mut [u64], hash: u64, next: &mut usize) -> usize {
    let tag = hash << FLOW_BITS;
    for step in 0..REACH {
        let entry = &mut index[(home(hash) + step) % (1 << INDEX_BITS)];
        let number = (*entry & NUMBER) as usize;
        if number == NONE {
            *entry = tag | *next as u64;
            *next += 1;
            return *next - 1;
        }
        if *entry & !NUMBER == tag {
            return number;
        }
    }
    NONE
}

/// Where the search for a flow begins.
#[inline(always)]
const fn home(hash: u64) -> usize {
    (hash >> (u64::BITS - INDEX_BITS)) as usize
}

/// As the kernel program's, and all of it: of IPv4 no two flows have the same.
#[inline(always)]
fn hash(syn: &Syn, family: Family) -> u64 {
    let key = u64::from(syn.dport) | (family.wire_id() as u64) << 16 | u64::from(!syn.is_v4()) << 20;
    (syn.src.low ^ key << 32 ^ syn.src.high.rotate_left(21)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The SYN that a flow of one was made from, as far as the flow has it: another flow takes no more of it.
#[inline(always)]
const fn only_syn(flow: &Flow) -> Syn {
    Syn {
        version: if flow.is_v4() { IpVersion::V4 } else { IpVersion::V6 },
        src: flow.src,
        dst: Address::from_v4(flow.first_dst),
        ip_id: flow.ip_id,
        dont_fragment: flow.dont_fragment(),
        ttl: flow.ttl,
        sport: flow.first_sport,
        dport: flow.dport(),
        seq: flow.first_seq,
        ack: 0,
        window: flow.window,
        options: Options { claimed: flow.options_length, words: [flow.options_head, 0, 0] },
    }
}

/// Tells the processor that this is looked at soon.
#[inline(always)]
fn prefetch<T>(of: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: it is a hint that changes nothing, and the reference is valid.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(of).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = of;
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::sources::{Settings, Tally};

    fn syn(src: u32, seq: u32) -> Syn {
        Syn { src: Address::from_v4(src), dport: 23, seq, ..Syn::BLANK }
    }

    fn consumers() -> Consumers {
        Consumers::new(&Settings::default(), Timestamp::UNIX_EPOCH)
    }

    /// Records and SYNs in them, of the SYNs of these sources.
    fn tally(sources: impl Iterator<Item = u32>) -> (u64, u64) {
        let (mut flows, mut consumers) = (Flows::new(), consumers());
        for src in sources {
            flows.add(&syn(src, 0), Family::OTHER, 0, 0, &mut consumers);
        }
        flows.empty(&mut consumers);
        flows.empty(&mut consumers);
        (consumers.sources().tally().records, consumers.sources().tally().packets)
    }

    #[test]
    fn each_flow_is_one_record_as_long_as_there_is_room() {
        assert_eq!(tally([].into_iter()), (0, 0));
        assert_eq!(tally([7, 7, 7].into_iter()), (1, 3));
        let many = (0..3).flat_map(|_| 0..100_000);
        let (records, packets) = tally(many);
        assert_eq!(packets, 300_000);
        // A place at the end of its reach is taken now and then.
        assert!((100_000..100_100).contains(&records), "{records}");
    }

    #[test]
    fn more_flows_than_there_is_room_for_are_all_in_records() {
        let most = 1 << FLOW_BITS;
        let (records, packets) = tally((0..3).flat_map(|_| 0..most * 2));
        assert_eq!(packets, u64::from(most) * 6);
        assert!(records >= u64::from(most) * 2, "{records}");
    }

    #[test]
    fn sources_that_all_want_one_place_are_counted_all_the_same() {
        // The inverse of the multiplier, by Newton's iteration: hashes that differ in their lower bits alone.
        let mut inverse = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(inverse.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        }
        let (mut flows, mut consumers) = (Flows::new(), consumers());
        let crowd = 200;
        for _ in 0..3 {
            for at in 0..crowd {
                let low = (5_u64 << 50 | at).wrapping_mul(inverse) ^ 1 << 52;
                let src = Address { high: 0, low };
                let syn = Syn { version: IpVersion::V6, src, ..Syn::BLANK };
                assert_eq!(home(hash(&syn, Family::OTHER)), home(5 << 50));
                flows.add(&syn, Family::OTHER, 0, 0, &mut consumers);
            }
        }
        flows.empty(&mut consumers);
        let Tally { records, packets, .. } = consumers.sources().tally();
        assert_eq!(packets, crowd * 3);
        assert_eq!(records, REACH as u64 + (crowd - REACH as u64) * 3);
    }

    #[test]
    fn two_flows_with_one_hash_stay_two() {
        let twins = [Address { high: 0, low: 1 << 40 }, Address { high: (1_u64 << 40).rotate_right(21), low: 0 }];
        let (mut flows, mut consumers) = (Flows::new(), consumers());
        let mut counted = crate::Counts::default();
        for src in [twins[0], twins[1], twins[0], twins[1]] {
            let syn = Syn { version: IpVersion::V6, src, ..Syn::BLANK };
            flows.add(&syn, Family::OTHER, 0, 0, &mut consumers);
            counted.syn(&syn, Family::OTHER, 0);
            counted.frame(honeyxdp_common::Disposition::Syn, 60);
        }
        flows.empty(&mut consumers);
        consumers.close(&counted, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(consumers.sources().report().total_family(Family::OTHER).value, 2);
    }

    #[test]
    fn a_flow_has_what_the_kernels_has() {
        let (first, last) = (Syn { ttl: 9, window: 7, sport: 1, ..syn(1, 2) }, Syn { sport: 3, ..syn(1, 4) });
        let mut expected = Flow::begin(&first, Family::OTHER, 0, 5, 0);
        let mut made = expected;
        expected.add(&last, 6, 8);
        let new = Flow::begin(&last, Family::OTHER, 6, 8, 0);
        assert!(made.holds(&only_syn(&new), new.family()));
        made.add(&only_syn(&new), new.matched(), new.last_tick);
        assert_eq!(made, expected);
    }
}
