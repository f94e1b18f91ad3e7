//! HyperLogLog registers, see `honeyxdp_common::sketch`.

use aya_ebpf::{bindings::BPF_F_MMAPABLE, macros::map, maps::Array};
use honeyxdp_common::{
    Address, Family,
    sketch::{self, Observation},
};

use crate::{element::element, shard::Shard};

/// Registers of every family in every shard, eight to an element. The loader sets the size.
#[map]
static SKETCHES: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Adds a source to its family's registers.
#[inline(always)]
pub(crate) fn add(shard: Shard, family: Family, src: Address, seed: u64) {
    let seen = Observation::of(src, seed);
    let (index, shift) = sketch::word(shard.number, family.wire_id() as u32, seen.register);
    if let Some(word) = element(&SKETCHES, index) {
        // SAFETY: only this CPU writes its shard, and the program does not nest.
        let word = unsafe { &mut *word };
        let held = *word >> shift & 0xff;
        if seen.raises(held as u8) {
            *word += (u64::from(seen.rank()) - held) << shift;
        }
    }
}
