//! Code that older verifiers (Linux 6.1) follow, and those that hold a program without CAP_PERFMON to their rules against speculation.

use core::arch::asm;

/// The number, or the nearest of `LEAST` to `MOST`, which have 31 bits.
///
/// In assembler, because the compiler likes to put a number on the stack, or to add to it, and then to compare the register that it came
/// from: they do not see that this says something of the others.
#[inline(always)]
pub(crate) fn between<const LEAST: usize, const MOST: usize>(number: usize) -> usize {
    let mut bounded = number;
    // SAFETY: it changes nothing but this register.
    unsafe {
        asm!(
            "if {bounded} >= {least} goto +1",
            "{bounded} = {least}",
            "if {bounded} <= {most} goto +1",
            "{bounded} = {most}",
            bounded = inout(reg) bounded,
            least = const LEAST,
            most = const MOST,
            options(pure, nomem, nostack)
        );
    }
    bounded
}

/// Keeps the branches of an `if` whole, each by a number of its own. Else the compiler may decide for one value after the other which branch
/// it is of, and the verifier takes each of these decisions for another one.
#[inline(always)]
pub(crate) fn branch<const NUMBER: usize>() {
    // SAFETY: it is a comment.
    unsafe { asm!("/* {} */", const NUMBER, options(nomem, nostack)) };
}

/// A zero that the compiler does not know. Of zeros side by side that it knows it makes a call of memset, and a program without CAP_PERFMON may
/// not go through its stack by a number.
#[inline(always)]
pub(crate) fn zero() -> u64 {
    let zero;
    // SAFETY: it changes nothing but this register.
    unsafe { asm!("{} = 0", out(reg) zero, options(pure, nomem, nostack)) };
    zero
}
