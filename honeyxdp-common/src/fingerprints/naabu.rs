//! naabu: nmap's window and option from a raw socket, so with "don't fragment", and a counter for a sequence number.

use crate::{
    Syn,
    family::{Confidence, Rule},
};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "naabu/1",
    name: "naabu",
    condition: "IPv4, win == 1024 and opts == MSS 1460 alone and DF set and seq < 2^24",
    confidence: Confidence::C,
    source: "naabu, pkg/scan (window, MSS and the counter that starts at 0 are certain, A); DF and the kernel's ttl follow from net.ListenPacket(\"ip4:tcp\"), which leaves the IP header to Linux",
    caveat: "one packet tells it from nmap only by DF; on IPv6 it cannot be told; misses a scan's probes after the first 16.7 million",
}];

#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    syn.is_v4() && syn.window == 1024 && syn.options.is_mss_1460_only() && syn.dont_fragment && syn.seq < 1 << 24
}
