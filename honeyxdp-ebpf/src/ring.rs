//! Rings that one CPU writes and user space reads, in memory that both map.

use core::{
    arch::asm,
    sync::atomic::{Ordering, compiler_fence},
};

use aya_ebpf::{Global, maps::Array};
use honeyxdp_common::flow::Position;

use crate::element::element;

/// Whether this machine lets other CPUs see writes in another order than they were made.
#[unsafe(no_mangle)]
static WEAKLY_ORDERED: Global<u32> = Global::new(0);

/// The next place in a ring.
pub(crate) struct Place {
    ours: *mut Position,
    at: u64,
    index: u32,
}

/// The next place in the ring of a CPU, none when it is full. A ring has 2^`bits` elements.
#[inline(always)]
pub(crate) fn reserve(positions: &'static Array<Position>, cpu: u32, bits: u32) -> Option<Place> {
    let (Some(ours), Some(readers)) = (element(positions, cpu * 2), element(positions, cpu * 2 + 1)) else {
        return None;
    };
    // SAFETY: only this CPU writes its line.
    let line = unsafe { &mut *ours };
    if line.at - line.seen >= 1 << bits {
        // SAFETY: the reader moves its position only forward, so an old value is merely less room.
        line.seen = unsafe { (&raw const (*readers).at).read_volatile() };
        if line.at - line.seen >= 1 << bits {
            return None;
        }
    }
    let index = cpu << bits | line.at as u32 & ((1 << bits) - 1);
    Some(Place { ours, at: line.at, index })
}

impl Place {
    /// Index of the element.
    #[inline(always)]
    pub(crate) const fn index(&self) -> u32 {
        self.index
    }

    /// The element is written: the reader may look.
    #[inline(always)]
    pub(crate) fn commit(self) {
        compiler_fence(Ordering::Release);
        // SAFETY: only this CPU writes its line.
        let at = unsafe { &raw mut (*self.ours).at };
        if WEAKLY_ORDERED.load() != 0 {
            // An atomic operation that returns what was there is a full barrier on every machine. In assembler, because
            // `core` has atomic operations only for targets that have all of them.
            // SAFETY: `at` is an aligned word of the map.
            unsafe {
                asm!("{one} = atomic_fetch_add((u64 *)({at} + 0), {one})", at = in(reg) at, one = inout(reg) 1_u64 => _)
            };
        } else {
            // SAFETY: as above. Volatile, so that it is one store and comes last.
            unsafe { at.write_volatile(self.at + 1) };
        }
    }
}
