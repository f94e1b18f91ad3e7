//! Numbers that look drawn and are computed: the same for the same seed, in any order.

/// One step of SplitMix64 (Steele, Lea, Flood 2014).
fn step(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A number for these three.
pub(crate) fn draw(seed: u64, what: u64, which: u64) -> u64 {
    step(step(seed ^ what.rotate_left(32)) ^ which)
}

/// The lower bits of a drawn number, as another type.
#[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
pub(crate) fn low(value: u64) -> u32 {
    value as u32
}

/// One of weighted choices.
pub(crate) fn choose<T: Copy>(choices: &[(T, u32)], drawn: u64) -> T {
    let sum: u64 = choices.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut at = drawn % sum;
    for (choice, weight) in choices {
        match at.checked_sub(u64::from(*weight)) {
            Some(rest) => at = rest,
            None => return *choice,
        }
    }
    unreachable!("the weights sum up")
}
