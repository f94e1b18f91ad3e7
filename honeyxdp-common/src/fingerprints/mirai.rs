//! Mirai, and every bot that kept its scanner: the sequence number is the destination address.

use crate::{
    Syn,
    family::{Confidence, Rule},
};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "mirai/1",
    name: "mirai",
    condition: "IPv4, seq == dst and dst != 0, any port",
    confidence: Confidence::B,
    source: "IIJ, MITF observation report 2019, footnote 1; NPA Japan, @police 2017 to 2019; D4 project, analyzer-d4-pibs",
    caveat: "an unrelated SYN hits by chance with 2^-32; marks the lineage of the code, not one botnet; needs the public address behind 1:1 NAT",
}];

/// A destination of 0.0.0.0 is no target, and sequence number 0 is what a careless packet maker sends.
#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    syn.is_v4() && syn.seq == syn.dst.v4() && syn.seq != 0
}
