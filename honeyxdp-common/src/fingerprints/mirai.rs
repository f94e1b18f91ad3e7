//! Mirai and every bot that reuses its scanner: the sequence number is the destination address.

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
    caveat: "an unrelated SYN hits by chance with 2^-32; identifies the lineage of the code, not one botnet; needs the public address behind 1:1 NAT",
}];

/// Sequence number 0 is excluded: 0.0.0.0 is never a target, and careless packet generators send 0.
#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    syn.is_v4() && syn.seq == syn.dst.v4() && syn.seq != 0
}
