//! unicornscan with its default OS style: window 4128 and an initial TTL of 255.

use crate::{
    Syn,
    family::{Confidence, Rule},
};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "unicornscan/1",
    name: "unicornscan",
    condition: "win == 4128 and opts == one MSS alone and ttl > 200",
    confidence: Confidence::C,
    source: "unicornscan, default OS style of its packet maker (Cisco IOS)",
    caveat: "other OS styles (window 16384, MSS 1436) need several packets; a Cisco router's own SYN looks alike",
}];

#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    syn.window == 4128 && syn.options.is_mss_only() && syn.ttl > 200
}
