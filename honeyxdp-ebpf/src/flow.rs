//! The flow cache of each CPU, and the ring of records that flows leave it by.
//!
//! No lock, no helper call, no hash that CPUs share: a direct-mapped cache, a flow that is in another one's place goes to
//! the ring, and both lie in memory that user space maps. What is still in the cache when generations are switched, user
//! space reads there.

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
    flow::{Flow, Position, place},
};

use crate::{count::Counters, element::element, ring, shard::Part, sketch};

/// The cache. The loader sets the size: a power of two of places for every part.
#[map]
static FLOWS: Array<Flow> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// The rings. The loader sets the size: a power of two of records for every CPU.
#[map]
static RECORDS: Array<Flow> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Positions in the rings: of every CPU the kernel's line and the reader's line.
#[map]
static POSITIONS: Array<Position> = Array::with_max_entries(2, BPF_F_MMAPABLE);

/// Bits of a place in the cache; 0 turns flows off.
#[unsafe(no_mangle)]
static FLOW_BITS: Global<u32> = Global::new(0);

/// Bits of an index in a ring.
#[unsafe(no_mangle)]
static RING_BITS: Global<u32> = Global::new(0);

/// What hashes begin with.
#[unsafe(no_mangle)]
pub(crate) static SEED: Global<u64> = Global::new(0);

/// Records take one SYN in so many, by chance; 0 and 1 take all.
#[unsafe(no_mangle)]
static SAMPLE: Global<u32> = Global::new(0);

/// Puts a counted SYN into its flow.
#[inline(always)]
pub(crate) fn record(counters: Counters, part: Part, syn: &Syn, family: Family, matched: FamilySet) {
    let bits = FLOW_BITS.load();
    if bits == 0 {
        return;
    }
    let seed = SEED.load();
    let sample = SAMPLE.load();
    if sample > 1 {
        // The sketch sees every source, so that the estimate holds.
        sketch::add(part, family, syn.src, seed);
        // SAFETY: the helper only draws a number.
        if unsafe { bpf_get_prandom_u32() } % sample != 0 {
            counters.interface(SAMPLED_OUT, 1, 0);
            return;
        }
    }
    let place = part.number << bits | place(syn, family, seed, 64 - bits);
    let Some(flow) = element(&FLOWS, place) else {
        return;
    };
    // SAFETY: only this CPU writes its part of the cache, and the program is not interrupted by itself.
    let flow = unsafe { &mut *flow };
    // SAFETY: the helper only reads a clock; the verifier puts that read in its place.
    let tick = unsafe { bpf_jiffies64() } as u32;
    if flow.packets != 0 {
        if flow.holds(syn, family) {
            flow.add(syn, matched, tick);
            return;
        }
        if !emit(part.cpu, flow) {
            counters.interface(LOST, 1, flow.packets.into());
        }
    }
    *flow = Flow::begin(syn, family, matched, tick, part.generation);
    if sample <= 1 {
        // A source whose flow is in the cache was added when it came in.
        sketch::add(part, family, syn.src, seed);
    }
}

/// Hands a flow over to user space. False when the ring is full.
#[inline(always)]
fn emit(cpu: u32, flow: &Flow) -> bool {
    let Some(place) = ring::reserve(&POSITIONS, cpu, RING_BITS.load()) else {
        return false;
    };
    let Some(record) = element(&RECORDS, place.index()) else {
        return false;
    };
    // SAFETY: the reader does not look at this record before the position says so.
    unsafe { record.write(*flow) };
    place.commit();
    true
}
