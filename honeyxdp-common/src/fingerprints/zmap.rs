//! ZMap up to 4.0: IP id 54321 and window 65535.

use crate::{
    Syn,
    family::{Confidence, Rule},
};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "zmap/1",
    name: "zmap",
    condition: "IPv4, ipid == 54321 and win == 65535 and DF clear and (opts none or MSS 1460 alone)",
    confidence: Confidence::A,
    source: "zmap 1.0 to 4.0, src/probe_modules/packet.c; no options up to 2.1.1, MSS 1460 in 3.0",
    caveat: "chance hits about 0; zmap 4.1 and later uses a random id, see zmap4",
}];

#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    syn.is_v4()
        && syn.ip_id == 54321
        && syn.window == 65535
        && !syn.dont_fragment
        && (syn.options.is_none() || syn.options.is_mss_1460_only())
}
