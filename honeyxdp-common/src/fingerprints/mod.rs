//! Fingerprints: one file per family, each a pure function over the fields of one SYN.
//!
//! The notation of the rules: `seq`, `ack`, `dst`, `dport`, `sport`, `ipid`, `win`, `ttl` are header fields as
//! big-endian integers, `DF` is IPv4's "don't fragment", `opts` the list of TCP options.

use crate::family::{Family, FamilySet, Rule};
use crate::{Syn, counters::FAMILY_SLOTS};

/// Declares the families. A line is `wire id, module, CONSTANT`. The order is the precedence: a SYN that matches several
/// families has the first one as its primary family. Wire ids index counters and archives and are never reused.
macro_rules! families {
    ($($id:literal $module:ident $constant:ident,)+) => {
        $(mod $module;)+

        impl Family {
            $(
                #[doc = concat!("Matches a fingerprint of `", stringify!($module), "`.")]
                pub const $constant: Self = Self($id);
            )+

            /// All families, in the order of precedence, [`Family::OTHER`] last.
            pub const ALL: &[Self] = &[$(Self::$constant,)+ Self::OTHER];

            /// The key in the snapshot.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($id => stringify!($module),)+
                    _ => "other",
                }
            }

            /// Rules of the family; most have one.
            pub const fn rules(self) -> &'static [Rule] {
                match self.0 {
                    $($id => $module::RULES,)+
                    _ => OTHER_RULES,
                }
            }
        }

        /// Every family whose rule `syn` matches.
        #[inline(always)]
        pub fn matching(syn: &Syn) -> FamilySet {
            0 $(| (($module::matches(syn) as FamilySet) << $id))+
        }

        /// The family that a SYN with these matches is counted under.
        #[inline(always)]
        pub const fn primary(matched: FamilySet) -> Family {
            $(
                if matched & (1 << $id) != 0 {
                    return Family($id);
                }
            )+
            Family::OTHER
        }

        /// Calls `visit` for every family in `matched`. Unrolled, so that the verifier knows every bound.
        #[inline(always)]
        pub fn each(matched: FamilySet, mut visit: impl FnMut(Family)) {
            $(
                if matched & (1 << $id) != 0 {
                    visit(Family($id));
                }
            )+
        }

        const _: () = {
            $(assert!($id > 0 && ($id as usize) < FAMILY_SLOTS, "a wire id is from 1 to 15");)+
            let ids: &[u8] = &[$($id),+];
            let mut seen: FamilySet = 0;
            let mut at = 0;
            while at < ids.len() {
                assert!(seen & (1 << ids[at]) == 0, "two families have the same wire id");
                seen |= 1 << ids[at];
                at += 1;
            }
        };
    };
}

families! {
    1 mirai MIRAI,
    3 zmap ZMAP,
    5 masscan MASSCAN,
    10 sport6000 SPORT6000,
    9 hping3 HPING3,
    6 nmap NMAP,
    7 unicornscan UNICORNSCAN,
    8 naabu NAABU,
    2 hajime HAJIME,
    4 zmap4 ZMAP4,
}

/// The families in `matched` other than the primary one.
#[inline(always)]
pub const fn secondary(matched: FamilySet, primary: Family) -> FamilySet {
    matched & !(1 << primary.wire_id())
}

const OTHER_RULES: &[Rule] = &[Rule {
    id: "other/1",
    name: "other",
    condition: "no other rule matches",
    confidence: crate::family::Confidence::A,
    source: "by definition",
    caveat: "holds every tool that uses the kernel's own sockets (qBot, Mozi, ZGrab, pnscan, RustScan, nmap -sT) and all ordinary traffic",
}];
