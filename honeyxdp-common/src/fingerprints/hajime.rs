//! Hajime: window 14600, and half of the sequence number is zero.

use crate::{
    Syn,
    family::{Confidence, Rule},
};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "hajime/1",
    name: "hajime",
    condition: "win == 14600 and seq != 0 and (seq & 0xffff == 0 or seq >> 16 == 0)",
    confidence: Confidence::C,
    source: "three partial public implementations that agree on it; the primary text was not read",
    caveat: "3e-5 of the SYNs that have window 14600 anyway (Linux 2.6.39 to 3.x) hit by chance; a single SYN does not attribute its source",
}];

#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    syn.window == 14600 && syn.seq != 0 && (syn.seq & 0xffff == 0 || syn.seq >> 16 == 0)
}
