//! unicornscan with its default OS style: one SYN shows its window and a high TTL.

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
    caveat: "other OS styles show window 16384 and MSS 1436 and are not told by one packet; a Cisco router's own SYN looks alike",
}];

#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    syn.window == 4128 && syn.options.is_mss_only() && syn.ttl > 200
}
