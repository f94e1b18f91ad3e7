//! Capture of first payloads into per-CPU rings.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _, Global, bindings::BPF_F_MMAPABLE, helpers::bpf_xdp_load_bytes, macros::map, maps::Array,
    programs::XdpContext,
};
use honeyxdp_common::{
    dissect::Segment,
    flow::Position,
    responder::{Event, Limit, PAYLOAD, PAYLOAD_BITS, Payload, Stage},
};

use crate::{bound::between, element::element, limit, ring, shard::Shard};

/// The rings: 2^[`PAYLOAD_BITS`] payloads for each CPU.
#[map]
static PAYLOADS: Array<Payload> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Positions in these rings, as for flow records.
#[map]
static PAYLOAD_POSITIONS: Array<Position> = Array::with_max_entries(2, BPF_F_MMAPABLE);

/// Limits on captured payloads per second: of one source, and in total.
#[unsafe(no_mangle)]
static PAYLOADS_OF_SOURCE: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static PAYLOADS_OF_ALL: Global<u32> = Global::new(0);

/// Captures the data of a segment and returns the outcome to count. `source` and `connection` are hashes.
#[inline(always)]
pub(crate) fn capture(
    ctx: &XdpContext,
    shard: Shard,
    segment: &Segment,
    stage: Stage,
    source: u64,
    connection: u64,
) -> Event {
    if limit::take(Limit::Payloads, source, PAYLOADS_OF_SOURCE.load(), PAYLOADS_OF_ALL.load()).is_err() {
        return Event::PayloadRateLimited;
    }
    let Some(reserved) = ring::reserve(&PAYLOAD_POSITIONS, shard.cpu, PAYLOAD_BITS) else {
        return Event::PayloadLost;
    };
    let Some(payload) = element(&PAYLOADS, reserved.index()) else {
        return Event::PayloadLost;
    };
    if segment.length == 0 {
        return Event::Failed;
    }
    let kept = between::<1, PAYLOAD>(segment.length);
    // SAFETY: the reader does not access it before the position is published.
    let payload = unsafe { &mut *payload };
    // SAFETY: the helper writes `kept` bytes, which fit, or fails.
    let loaded = unsafe {
        bpf_xdp_load_bytes(
            ctx.as_ptr().cast(),
            segment.data as u32,
            payload.bytes.as_mut_ptr().cast::<c_void>(),
            kept as u32,
        )
    };
    if loaded != 0 {
        return Event::Failed;
    }
    payload.describe(segment, stage, connection, kept as u16);
    reserved.commit();
    Event::Captured
}
