//! Single-producer rings in shared memory: one CPU writes, user space reads.

use core::{
    arch::asm,
    sync::atomic::{Ordering, compiler_fence},
};

use aya_ebpf::{Global, maps::Array};
use honeyxdp_common::flow::Position;

use crate::element::element;

/// Whether the CPU architecture is weakly ordered.
#[unsafe(no_mangle)]
static WEAKLY_ORDERED: Global<u32> = Global::new(0);

/// A reserved element of a ring.
pub(crate) struct Reservation {
    ours: *mut Position,
    at: u64,
    index: u32,
}

/// Reserves the next element in the ring of a CPU; `None` if it is full. A ring has 2^`bits` elements.
#[inline(always)]
pub(crate) fn reserve(positions: &'static Array<Position>, cpu: u32, bits: u32) -> Option<Reservation> {
    let (Some(ours), Some(readers)) = (element(positions, cpu * 2), element(positions, cpu * 2 + 1)) else {
        return None;
    };
    // SAFETY: only this CPU writes its line.
    let line = unsafe { &mut *ours };
    if line.at - line.seen >= 1 << bits {
        // SAFETY: the reader's position only grows, so a stale value underestimates the free space.
        line.seen = unsafe { (&raw const (*readers).at).read_volatile() };
        if line.at - line.seen >= 1 << bits {
            return None;
        }
    }
    let index = cpu << bits | line.at as u32 & ((1 << bits) - 1);
    Some(Reservation { ours, at: line.at, index })
}

impl Reservation {
    /// Index of the element.
    #[inline(always)]
    pub(crate) const fn index(&self) -> u32 {
        self.index
    }

    /// Publishes the element to the reader.
    #[inline(always)]
    pub(crate) fn commit(self) {
        compiler_fence(Ordering::Release);
        // SAFETY: only this CPU writes its line.
        let at = unsafe { &raw mut (*self.ours).at };
        if WEAKLY_ORDERED.load() != 0 {
            // An atomic operation that returns the old value is a full barrier. Assembler, because `core` offers atomics only
            // on targets that support all of them.
            // SAFETY: `at` is an aligned word of the map.
            unsafe {
                asm!("{one} = atomic_fetch_add((u64 *)({at} + 0), {one})", at = in(reg) at, one = inout(reg) 1_u64 => _)
            };
        } else {
            // SAFETY: as above. Volatile, so that it is a single store after all others.
            unsafe { at.write_volatile(self.at + 1) };
        }
    }
}
