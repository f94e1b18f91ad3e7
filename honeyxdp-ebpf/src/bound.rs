//! Helpers for older verifiers (Linux 6.1), and for the speculation checks on programs without CAP_PERFMON.

use core::arch::asm;

/// Clamps `number` to `LEAST..=MOST`, both below 2^31.
///
/// Assembler, because the compiler may spill the number or derive another from it and then compare the original register;
/// older verifiers do not carry the bound over.
#[inline(always)]
pub(crate) fn between<const LEAST: usize, const MOST: usize>(number: usize) -> usize {
    let mut bounded = number;
    // SAFETY: it modifies only this register.
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

/// Keeps the branches of an `if` apart, each by its own number. Otherwise the compiler selects each value separately, and the
/// verifier treats each selection as an independent branch.
#[inline(always)]
pub(crate) fn branch<const NUMBER: usize>() {
    // SAFETY: it is only a comment.
    unsafe { asm!("/* {} */", const NUMBER, options(nomem, nostack)) };
}

/// A zero that is opaque to the compiler. Adjacent known zeros become a memset call, and without CAP_PERFMON the verifier
/// rejects its variable stack offsets.
#[inline(always)]
pub(crate) fn zero() -> u64 {
    let zero;
    // SAFETY: it modifies only this register.
    unsafe { asm!("{} = 0", out(reg) zero, options(pure, nomem, nostack)) };
    zero
}
