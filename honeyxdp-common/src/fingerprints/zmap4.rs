//! ZMap 4.1 and later: the TCP options of Windows without "don't fragment".

use crate::{
    Options, Syn,
    family::{Confidence, Rule},
};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "zmap4/1",
    name: "zmap4",
    condition: "IPv4, win == 65535 and DF clear and opts == 020405b4 01030308 01010402",
    confidence: Confidence::C,
    source: "zmap 4.1, src/probe_modules/packet.c: the layout itself is certain (A), its uniqueness is not",
    caveat: "looks like Windows without DF, hence IPv4 alone; the linux and bsd layouts of zmap (--probe-args) are not matched",
}];

const WINDOWS: Options = Options {
    claimed: 12,
    words: [0x0204_05b4, 0x0103_0308, 0x0101_0402],
};

#[inline(always)]
pub(super) fn matches(syn: &Syn) -> bool {
    syn.is_v4()
        && syn.window == 65535
        && !syn.dont_fragment
        && syn.options.claimed == WINDOWS.claimed
        && syn.options.words[0] == WINDOWS.words[0]
        && syn.options.words[1] == WINDOWS.words[1]
        && syn.options.words[2] == WINDOWS.words[2]
}
