//! What a run samples: `cargo xtask test` sets a seed, which it prints, and `--long` runs everything.

use std::env;

use crate::random::Random;

/// Whether nothing is to be left out.
pub fn is_whole() -> bool {
    env::var_os("HONEYXDP_LONG").is_some()
}

/// Random numbers for this run, by HONEYXDP_SEED.
///
/// # Panics
/// Panics if the variable is not a number.
pub fn random() -> Random {
    let seed = env::var("HONEYXDP_SEED").map_or(1, |seed| seed.parse().expect("HONEYXDP_SEED is a number"));
    println!("sample by HONEYXDP_SEED={seed}; HONEYXDP_LONG=1 leaves nothing out");
    // Zero would give zeros.
    Random::new(seed + 1)
}
