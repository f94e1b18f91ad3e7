//! Rate limits per second, for each source and in total.

use core::arch::asm;

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::map, maps::Array};
use honeyxdp_common::responder::{Limit, limit_of_all, limit_of_source};

use crate::element::element;

/// The current second in the upper half of a word, the number of requests in it in the lower. All CPUs write atomically.
#[map]
static LIMITS: Array<u64> = Array::with_max_entries(1, 0);

/// The limit that was exceeded.
pub(crate) enum Spent {
    Source,
    Total,
}

/// Takes one from the budgets of a source, given by its hash, and of all sources. Sources with colliding hashes share one
/// budget, so no source ever exceeds its own.
#[inline(always)]
pub(crate) fn take(limit: Limit, hash: u64, of_source: u32, of_all: u32) -> Result<(), Spent> {
    // SAFETY: the helper only reads a clock.
    let second = unsafe { bpf_ktime_get_ns() } / 1_000_000_000;
    if !one(limit_of_source(limit, hash), second, of_source) {
        return Err(Spent::Source);
    }
    if !one(limit_of_all(limit), second, of_all) {
        return Err(Spent::Total);
    }
    Ok(())
}

#[inline(always)]
fn one(index: u32, second: u64, most: u32) -> bool {
    let Some(word) = element(&LIMITS, index) else {
        return false;
    };
    let before = add(word);
    if before >> 32 == second & 0xffff_ffff {
        return (before as u32) < most;
    }
    // The first request in this second, unless another CPU was faster.
    if replace(word, before + 1, second << 32 | 1) == before + 1 {
        return most > 0;
    }
    let before = add(word);
    before >> 32 == second & 0xffff_ffff && (before as u32) < most
}

/// Adds one and returns the previous value.
#[inline(always)]
fn add(word: *mut u64) -> u64 {
    let mut one = 1_u64;
    // SAFETY: it is an aligned word of a map. Assembler, because `core` offers atomics only on targets that support all of them.
    unsafe { asm!("{one} = atomic_fetch_add((u64 *)({at} + 0), {one})", at = in(reg) word, one = inout(reg) one) };
    one
}

/// Compares and swaps `old` for `new`; returns the previous value.
#[inline(always)]
fn replace(word: *mut u64, old: u64, new: u64) -> u64 {
    let mut there = old;
    // SAFETY: as above.
    unsafe { asm!("r0 = cmpxchg_64({at} + 0, r0, {new})", at = in(reg) word, new = in(reg) new, inout("r0") there) };
    there
}
