//! An unnamed scanner that always uses source port 6000.

use crate::{
    Syn,
    family::{Confidence, Rule},
};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "sport6000/1",
    name: "sport6000",
    condition: "IPv4, sport == 6000 and ipid == 256 and win == 16384 and seq & 0xffff == 0",
    confidence: Confidence::C,
    source: "one public description; the tool has no name",
    caveat: "chance hits about 0; who sends it is unknown",
}];

#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    syn.is_v4() && syn.sport == 6000 && syn.ip_id == 256 && syn.window == 16384 && syn.seq & 0xffff == 0
}
