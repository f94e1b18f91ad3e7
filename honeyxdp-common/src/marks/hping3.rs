//! hping3: an acknowledgment number without the flag, window 512, no options.

use crate::{
    Syn,
    family::{Certainty, Rule},
};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "hping3/1",
    name: "hping3",
    test: "ack != 0 (ACK clear) and win == 512 and opts none",
    certainty: Certainty::A,
    source: "hping3, sendtcp.c and its defaults",
    caveat: "misses a run that sets its own window (-w); about 0 chance hits",
}];

#[inline(always)]
pub(super) fn holds(syn: &Syn) -> bool {
    syn.ack != 0 && syn.window == 512 && syn.options.is_none()
}
