//! nmap's SYN scan (-sS): one of four windows, and MSS 1460 alone.

use crate::{
    Syn,
    family::{Confidence, Rule},
};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "nmap/1",
    name: "nmap",
    condition: "win in {1024, 2048, 3072, 4096} and opts == MSS 1460 alone and (IPv6 or (DF clear and ttl <= 64))",
    confidence: Confidence::A,
    source: "nmap, libnetutil/netutil.cc, tcpip.cc and nmap.h; hop limit 255 measured with nmap 7.93 -6",
    caveat: "naabu and masscan since 2023-11 share window 1024 with MSS 1460; distinguished by DF, ttl and masscan's relation; -sT uses kernel sockets and has no fingerprint",
}];

#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    // The four windows are the four multiples of 1024 from 1024 to 4096.
    let window = syn.window & 0x03ff == 0 && syn.window >= 1024 && syn.window <= 4096;
    window && syn.options.is_mss_1460_only() && (!syn.is_v4() || (!syn.dont_fragment && syn.ttl <= 64))
}
