//! masscan: the IP id is derived from destination, port and sequence number.

use crate::{
    Syn,
    family::{Confidence, Rule},
};

/// A TTL above this implies an initial value of 255: paths have fewer than 50 hops, and no other initial value is as high.
const HIGH_TTL: u8 = 200;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "masscan/1",
        name: "masscan",
        condition: "IPv4, ipid == (dst ^ dport ^ seq) & 0xffff and (win == 1024 or win == 0 or ttl > 200)",
        confidence: Confidence::A,
        source: "masscan 1.0 to today, src/templ-pkt.c; window 1024 from 1.0.3 on, MSS 1460 since 2023-11",
        caveat: "the relation alone holds by chance for 1.5e-5 of all SYNs, hence the second condition",
    },
    Rule {
        id: "masscan-v6/1",
        name: "masscan",
        condition: "IPv6, win == 1024 and opts none and ttl > 200",
        confidence: Confidence::C,
        source: "measured with masscan 1.3.2",
        caveat: "IPv6 has no IP id: any tool with this window, no options and a high hop limit looks the same",
    },
];

#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    if syn.is_v4() {
        // masscan truncates the 32-bit result to its lower half.
        let relation = (syn.dst.v4() ^ syn.dport as u32 ^ syn.seq) & 0xffff;
        syn.ip_id as u32 == relation && (syn.window == 1024 || syn.window == 0 || syn.ttl > HIGH_TTL)
    } else {
        syn.window == 1024 && syn.options.is_none() && syn.ttl > HIGH_TTL
    }
}
