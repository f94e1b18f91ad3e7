//! hping3: an acknowledgment number without the ACK flag, window 512, no options.

use crate::{
    Syn,
    family::{Confidence, Rule},
};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "hping3/1",
    name: "hping3",
    condition: "ack != 0 (ACK clear) and win == 512 and opts none",
    confidence: Confidence::A,
    source: "hping3, sendtcp.c and its defaults",
    caveat: "misses a run that sets its own window (-w); about 0 chance hits",
}];

#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    syn.ack != 0 && syn.window == 512 && syn.options.is_none()
}
