//! First payloads on their way to user space.

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

use crate::{bound::between, element::element, limit, ring, shard::Part};

/// The rings: 2^[`PAYLOAD_BITS`] payloads for each CPU.
#[map]
static PAYLOADS: Array<Payload> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Positions in them, as those of the flows.
#[map]
static PAYLOAD_POSITIONS: Array<Position> = Array::with_max_entries(2, BPF_F_MMAPABLE);

/// Payloads of one source, and of all, in a second.
#[unsafe(no_mangle)]
static PAYLOADS_OF_SOURCE: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static PAYLOADS_OF_ALL: Global<u32> = Global::new(0);

/// Keeps the data of a segment, and says what became of it. `source` and `connection` are hashes.
#[inline(always)]
pub(crate) fn keep(
    ctx: &XdpContext,
    part: Part,
    segment: &Segment,
    stage: Stage,
    source: u64,
    connection: u64,
) -> Event {
    if limit::take(Limit::Payloads, source, PAYLOADS_OF_SOURCE.load(), PAYLOADS_OF_ALL.load()).is_err() {
        return Event::PayloadRateLimited;
    }
    let Some(place) = ring::reserve(&PAYLOAD_POSITIONS, part.cpu, PAYLOAD_BITS) else {
        return Event::PayloadLost;
    };
    let Some(payload) = element(&PAYLOADS, place.index()) else {
        return Event::PayloadLost;
    };
    if segment.length == 0 {
        return Event::Failed;
    }
    let kept = between::<1, PAYLOAD>(segment.length);
    // SAFETY: the reader does not look at it before the position says so.
    let payload = unsafe { &mut *payload };
    // SAFETY: the helper writes `kept` bytes, at most what there is room for, or fails.
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
    place.commit();
    Event::Kept
}
