//! naabu: nmap's window and option with "don't fragment" set by the kernel's raw socket, and a counter as sequence number.

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
    caveat: "a single packet differs from nmap's only by DF; not recognizable on IPv6; misses a scan's probes after the first 16.7 million",
}];

#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    syn.is_v4() && syn.window == 1024 && syn.options.is_mss_1460_only() && syn.dont_fragment && syn.seq < 1 << 24
}
