//! The flow cache of each CPU, and the ring that receives evicted flows.
//!
//! The cache is direct-mapped, per CPU, and needs no lock, no helper call and no shared hash. A new flow evicts the flow in
//! its slot to the ring. User space maps both; at a generation flip it reads the flows that are still in the cache.

use aya_ebpf::{
    Global,
    bindings::BPF_F_MMAPABLE,
    helpers::{bpf_get_prandom_u32, bpf_jiffies64},
    macros::map,
    maps::Array,
};
use honeyxdp_common::{
    Family, FamilySet, Syn,
    counters::{LOST, SAMPLED_OUT},
    flow::{Flow, Position, slot},
};

use crate::{count::Counters, element::element, ring, shard::Shard, sketch};

/// The cache. The loader sets the size: a power of two of slots in every shard.
#[map]
static FLOWS: Array<Flow> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// The rings. The loader sets the size: a power of two of records for each CPU.
#[map]
static RECORDS: Array<Flow> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Positions in the rings: the writer's and the reader's line of each CPU.
#[map]
static POSITIONS: Array<Position> = Array::with_max_entries(2, BPF_F_MMAPABLE);

/// Bits of a slot index in the cache; 0 turns flow records off.
#[unsafe(no_mangle)]
static FLOW_BITS: Global<u32> = Global::new(0);

/// Bits of an index in a ring.
#[unsafe(no_mangle)]
static RING_BITS: Global<u32> = Global::new(0);

/// Seed of all hashes, random per load.
#[unsafe(no_mangle)]
pub(crate) static SEED: Global<u64> = Global::new(0);

/// Record one SYN in this many, at random; 0 and 1 record all.
#[unsafe(no_mangle)]
static SAMPLE: Global<u32> = Global::new(0);

/// Adds a counted SYN to its flow.
#[inline(always)]
pub(crate) fn record(counters: Counters, shard: Shard, syn: &Syn, family: Family, matched: FamilySet) {
    let bits = FLOW_BITS.load();
    if bits == 0 {
        return;
    }
    let seed = SEED.load();
    let sample = SAMPLE.load();
    if sample > 1 {
        // The registers see every SYN, so that the estimate stays unbiased.
        sketch::add(shard, family, syn.src, seed);
        // SAFETY: the helper only returns a random number.
        if unsafe { bpf_get_prandom_u32() } % sample != 0 {
            counters.interface(SAMPLED_OUT, 1, 0);
            return;
        }
    }
    let index = shard.number << bits | slot(syn, family, seed, 64 - bits);
    let Some(flow) = element(&FLOWS, index) else {
        return;
    };
    // SAFETY: only this CPU writes its shard of the cache, and the program does not nest.
    let flow = unsafe { &mut *flow };
    // SAFETY: the helper only reads a clock; the verifier inlines it.
    let tick = unsafe { bpf_jiffies64() } as u32;
    if flow.packets != 0 {
        if flow.holds(syn, family) {
            flow.add(syn, matched, tick);
            return;
        }
        if !emit(shard.cpu, flow) {
            counters.interface(LOST, 1, flow.packets.into());
        }
    }
    *flow = Flow::begin(syn, family, matched, tick, shard.generation);
    if sample <= 1 {
        // A source whose flow is in the cache was added to the registers on insertion.
        sketch::add(shard, family, syn.src, seed);
    }
}

/// Sends a flow to user space. Returns false if the ring is full.
#[inline(always)]
fn emit(cpu: u32, flow: &Flow) -> bool {
    let Some(reserved) = ring::reserve(&POSITIONS, cpu, RING_BITS.load()) else {
        return false;
    };
    let Some(record) = element(&RECORDS, reserved.index()) else {
        return false;
    };
    // SAFETY: the reader does not access this record before the position is published.
    unsafe { record.write(*flow) };
    reserved.commit();
    true
}
