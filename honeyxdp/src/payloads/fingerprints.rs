//! Which sources showed a mark in the last 24 hours.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use honeyxdp_common::{Address, Family, flow::Flow};
use jiff::Timestamp;

/// Sources that are remembered: 48 MiB. A flood of forged ones takes no more.
const MOST: usize = 1_000_000;
/// How long a mark tells who a source is, seconds.
const DAY: i64 = 86_400;

/// Families of sources, by their SYNs.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// By address, IPv4 inside IPv6. Its hash has a secret, as in the table of pairs.
    sources: HashMap<u128, Mark, RandomState>,
    /// Sources that found no room.
    forgotten: u64,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    family: Family,
    /// Second of the last SYN that showed it.
    seen: i64,
}

impl Marks {
    /// Remembers the mark of a flow. Of several families of one source the first one in the table's order is the one, as in a SYN.
    pub(super) fn record(&mut self, flow: &Flow, now: Timestamp) {
        let family = flow.family();
        if family == Family::OTHER {
            return;
        }
        let (key, seen) = (key(flow.src, flow.is_v4()), now.as_second());
        if let Some(mark) = self.sources.get_mut(&key) {
            if is_over(*mark, seen) || family.wire_id() <= mark.family.wire_id() {
                *mark = Mark { family, seen };
            }
            return;
        }
        if self.sources.len() >= MOST {
            self.sources.retain(|_, mark| !is_over(*mark, seen));
        }
        if self.sources.len() >= MOST {
            self.forgotten += 1;
        } else {
            self.sources.insert(key, Mark { family, seen });
        }
    }

    /// The family that a source's SYNs of the last 24 hours showed.
    pub(super) fn of(&self, source: Address, is_v4: bool, now: Timestamp) -> Option<Family> {
        let mark = self.sources.get(&key(source, is_v4))?;
        (!is_over(*mark, now.as_second())).then_some(mark.family)
    }

    /// Marks that found no room: their sources may be told as unknown.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

fn is_over(mark: Mark, now: i64) -> bool {
    now - mark.seen > DAY
}

fn key(address: Address, is_v4: bool) -> u128 {
    if is_v4 { 0xffff << 32 | u128::from(address.v4()) } else { address.v6() }
}

#[cfg(test)]
mod tests {
    use honeyxdp_common::Syn;

    use super::*;

    fn flow(source: u32, family: Family) -> Flow {
        Flow::begin(&Syn { src: Address::from_v4(source), ..Syn::BLANK }, family, 0, 0, 0)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_mark_lasts_a_day_and_the_first_family_goes_before_others() {
        let mut marks = Marks::default();
        let of = |marks: &Marks, source, second| marks.of(Address::from_v4(source), true, at(second));
        for (source, family, second) in [
            (1, Family::MIRAI, 0),
            (1, Family::OTHER, 10),
            (1, Family::MASSCAN, 20),
            (2, Family::MASSCAN, 0),
            (2, Family::MIRAI, 5),
            (3, Family::OTHER, 0),
        ] {
            marks.record(&flow(source, family), at(second));
        }
        assert_eq!([1, 2, 3].map(|source| of(&marks, source, DAY)), [Some(Family::MIRAI), Some(Family::MIRAI), None]);
        assert_eq!([1, 2].map(|source| of(&marks, source, DAY + 1)), [None, Some(Family::MIRAI)]);
        // What is over is no longer in the way.
        marks.record(&flow(1, Family::MASSCAN), at(2 * DAY));
        assert_eq!(of(&marks, 1, 2 * DAY), Some(Family::MASSCAN));
        // An IPv6 address is not the IPv4 address with the same bits.
        assert_eq!(marks.of(Address::from_v4(1), false, at(2 * DAY)), None);
    }

    #[test]
    fn forged_sources_take_no_more_than_there_is_room_and_make_room_after_a_day() {
        let mut marks = Marks::default();
        for source in 0..u32::try_from(MOST).unwrap() + 10 {
            marks.record(&flow(source, Family::MIRAI), at(0));
        }
        assert_eq!((marks.sources.len(), marks.forgotten()), (MOST, 10));
        marks.record(&flow(u32::MAX, Family::HAJIME), at(DAY + 1));
        assert_eq!((marks.sources.len(), marks.forgotten()), (1, 10));
    }
}
