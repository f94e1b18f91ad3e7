//! The estimate of how many different sources there were.

use honeyxdp_common::Address;
use honeyxdp_common::sketch::{Observation, REGISTERS};

/// HyperLogLog registers, as `honeyxdp_common::sketch` describes them. Merging two gives exactly the registers of both
/// sets of sources together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// Empty until the first source: most families are never seen.
    registers: Vec<u8>,
}

/// Ranks go from 0 to this: 48 bits of the hash are left after the register's number.
const HIGHEST: usize = 64 - honeyxdp_common::sketch::PRECISION as usize + 1;

impl Sketch {
    /// Of no source.
    pub const EMPTY: Self = Self { registers: Vec::new() };

    /// Raises eight registers, from the 64-bit word number `at` of the kernel's map.
    pub(crate) fn raise(&mut self, at: usize, word: u64) {
        for (register, rank) in self.registers()[at * 8..].iter_mut().zip(word.to_le_bytes()) {
            *register = rank.max(*register);
        }
    }

    /// Adds a source, as the kernel program does.
    pub fn add(&mut self, src: Address, seed: u64) {
        let seen = Observation::of(src, seed);
        let register = &mut self.registers()[seen.register as usize];
        if seen.raises(*register) {
            *register = seen.rank();
        }
    }

    /// Adds all sources of another sketch with the same seed.
    pub fn merge(&mut self, other: &Self) {
        if !other.registers.is_empty() {
            for (register, rank) in self.registers().iter_mut().zip(&other.registers) {
                *register = (*rank).max(*register);
            }
        }
    }

    /// How many different sources: the estimator of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches",
    /// 2017, algorithm 6. It needs no table and is as good for few sources as for many.
    pub fn estimate(&self) -> u64 {
        if self.registers.is_empty() {
            return 0;
        }
        let mut multiplicity = [0_u32; HIGHEST + 1];
        for &rank in &self.registers {
            multiplicity[usize::from(rank)] += 1;
        }
        #[expect(clippy::cast_precision_loss, reason = "65,536 has five digits")]
        let m = REGISTERS as f64;
        let mut z = m * tau(1.0 - f64::from(multiplicity[HIGHEST]) / m);
        for count in multiplicity[1..HIGHEST].iter().rev() {
            z = 0.5 * (z + f64::from(*count));
        }
        z += m * sigma(f64::from(multiplicity[0]) / m);
        let estimate = m * m / (2.0 * std::f64::consts::LN_2 * z);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive, and rounded")]
        let estimate = estimate.round() as u64;
        estimate
    }

    fn registers(&mut self) -> &mut [u8] {
        if self.registers.is_empty() {
            self.registers = vec![0; REGISTERS];
        }
        &mut self.registers
    }
}

/// The sum of `x^(2^k) 2^(k-1)` over all `k`, plus `x`.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

/// A third of `1 - x` less the sum of `(1 - x^(2^-k))^2 2^-k` over all `k`.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_within_two_percent_from_none_to_millions() {
        for seed in [1, 0x1234_5678_9abc_def0, u64::MAX] {
            let (mut sketch, mut next) = (Sketch::EMPTY, 0_u32);
            assert_eq!(sketch.estimate(), 0);
            for truth in [1_u32, 10, 100, 1_000, 10_000, 65_536, 100_000, 200_000, 1_000_000, 5_000_000] {
                while next < truth {
                    // Neighbours, as in a network, and not random ones: the hash has to spread them.
                    sketch.add(Address::from_v4(next), seed);
                    next += 1;
                }
                let estimate = sketch.estimate();
                let error = (estimate as f64 / f64::from(truth) - 1.0).abs();
                assert!(error < 0.02, "seed {seed}: {estimate} for {truth}");
            }
        }
    }

    #[test]
    fn merged_sketches_are_those_of_the_union() {
        let sketch = |range: std::ops::Range<u128>| {
            let mut sketch = Sketch::EMPTY;
            range.for_each(|host| sketch.add(Address::from_v6(0x2001_0db8 << 96 | host), 7));
            sketch
        };
        let mut merged = sketch(0..60_000);
        merged.merge(&sketch(40_000..100_000));
        merged.merge(&Sketch::EMPTY);
        assert_eq!(merged, sketch(0..100_000));
    }
}
