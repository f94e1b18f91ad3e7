//! adjtimex(2).

use crate::doctor::clock::Clock;

pub(super) fn read() -> Clock {
    // SAFETY: all zero is a valid value of this plain structure, and asks for no change.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is initialized, and the kernel fills it.
    let state = unsafe { libc::adjtimex(&raw mut clock) };
    Clock { synchronized: (state >= 0).then_some(state != libc::TIME_ERROR && clock.status & libc::STA_UNSYNC == 0) }
}
