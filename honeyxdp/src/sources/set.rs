//! An exact set of source addresses.

use std::{borrow::Cow, collections::HashSet, mem};

use foldhash::quality::RandomState;
use honeyxdp_common::flow::Flow;
use roaring::RoaringBitmap;

/// New IPv4 addresses are gathered, and then sorted and added at once: a fifth of the work of adding each by itself.
const INBOX: usize = 1 << 16;

/// Bytes that a container of a Roaring bitmap takes beside its values: its entry, and the allocator's header and rounding.
const CONTAINER: u64 = 64;
/// A bitmap of so many containers is merged into another one in its place; of more, a new bitmap is made of both.
const FEW: u32 = 64;
/// Bytes that an IPv6 address takes in a hash table that is half full.
const V6: u64 = 40;

/// Different source addresses: exact, unless it was given up for want of memory.
#[derive(Clone, Debug, Default)]
pub struct SourceSet {
    v4: RoaringBitmap,
    /// Its hash has a secret, as in the table of pairs.
    v6: HashSet<u128, RandomState>,
    inbox: Vec<u32>,
    /// How many there were when it was given up.
    sets_evicted: Option<u64>,
    /// See [`SourceSet::bytes`].
    bytes: u64,
}

impl SourceSet {
    /// Adds the source of a flow.
    pub fn add(&mut self, flow: &Flow) {
        if self.sets_evicted.is_some() {
            return;
        }
        if flow.is_v4() {
            // One source's flows often come in a row.
            if self.inbox.last() != Some(&flow.src.v4()) {
                self.inbox.push(flow.src.v4());
            }
        } else {
            self.v6.insert(flow.src.v6());
        }
    }

    /// Whether the inbox is so full that [`SourceSet::settle`] is due.
    pub const fn is_due(&self) -> bool {
        self.inbox.len() >= INBOX
    }

    /// Takes the inbox in.
    pub fn settle(&mut self) {
        if !self.inbox.is_empty() {
            self.inbox.sort_unstable();
            self.inbox.dedup();
            let new = RoaringBitmap::from_sorted_iter(self.inbox.drain(..)).expect("they are sorted");
            self.unite(Cow::Owned(new));
        }
        self.measure();
    }

    /// Adds all of another set, whose inbox is empty, and leaves that empty if it helps. As [`SourceSet::merge`].
    pub fn take(&mut self, other: &mut Self) {
        if self.sets_evicted.is_none() && self.is_empty() && other.sets_evicted.is_none() {
            (self.v4, self.v6) = (mem::take(&mut other.v4), mem::take(&mut other.v6));
            self.measure();
        } else {
            self.merge(other);
        }
    }

    /// Adds all of another set, whose inbox is empty. What was given up there is given up here.
    pub fn merge(&mut self, other: &Self) {
        if self.sets_evicted.is_some() {
            return;
        }
        if let Some(least) = other.sets_evicted {
            let least = least.max(self.len());
            self.give_up_at(least);
            return;
        }
        if other.bytes > 0 {
            self.unite(Cow::Borrowed(&other.v4));
            self.v6.extend(&other.v6);
            self.measure();
        }
    }

    /// How many different addresses; when it was given up, how many there were at least.
    pub fn len(&self) -> u64 {
        self.sets_evicted.unwrap_or_else(|| self.v4.len() + self.v6.len() as u64)
    }

    /// Whether nothing was ever added.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it holds every address that was added.
    pub const fn is_exact(&self) -> bool {
        self.sets_evicted.is_none()
    }

    /// Frees its memory. From then on it only knows how many there were at least.
    pub fn give_up(&mut self) {
        self.give_up_at(self.len());
    }

    /// About how much memory it takes, as of the last time it changed, bytes.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds addresses.
    fn unite(&mut self, new: Cow<'_, RoaringBitmap>) {
        if self.v4.is_empty() {
            self.v4 = new.into_owned();
        } else if new.statistics().n_containers <= FEW {
            self.v4 |= new.as_ref();
        } else {
            // A new bitmap, because `|=` searches for each container, and inserts new ones one by one and moves all behind them.
            self.v4 = &self.v4 | new.as_ref();
        }
    }

    fn give_up_at(&mut self, least: u64) {
        *self = Self { sets_evicted: Some(least), ..Self::default() };
    }

    fn measure(&mut self) {
        let v4 = self.v4.statistics();
        self.bytes = u64::from(v4.n_containers) * CONTAINER
            // Arrays grow by doubling.
            + v4.n_bytes_array_containers * 3 / 2
            + v4.n_bytes_bitset_containers
            + v4.n_bytes_run_containers
            + self.v6.len() as u64 * V6;
    }
}

#[cfg(test)]
mod tests {
    use honeyxdp_common::{Address, Family, IpVersion, Syn};

    use super::*;

    fn v4(address: u32) -> Flow {
        Flow::begin(&Syn { src: Address::from_v4(address), ..Syn::BLANK }, Family::OTHER, 0, 0, 0)
    }

    fn v6(address: u128) -> Flow {
        let syn = Syn { version: IpVersion::V6, src: Address::from_v6(address), ..Syn::BLANK };
        Flow::begin(&syn, Family::OTHER, 0, 0, 0)
    }

    fn set(flows: impl IntoIterator<Item = Flow>) -> SourceSet {
        let mut set = SourceSet::default();
        for flow in flows {
            set.add(&flow);
            if set.is_due() {
                set.settle();
            }
        }
        set.settle();
        set
    }

    #[test]
    fn addresses_count_once_and_versions_do_not_mix() {
        let set = set([v4(5), v4(7), v4(5), v6(5), v6(5), v4(u32::MAX)]);
        assert_eq!(set.len(), 4);
        assert!(set.is_exact() && set.bytes() > 0);
    }

    #[test]
    fn the_union_of_two_sets_counts_what_is_in_both_once() {
        let (mut one, other) = (set((0..150_000).map(v4)), set((100_000..200_000).map(v4).chain([v6(1)])));
        one.merge(&other);
        assert_eq!(one.len(), 200_001);
        one.merge(&other);
        assert_eq!(one.len(), 200_001);
    }

    #[test]
    fn a_set_that_is_taken_is_the_same_as_one_that_is_merged() {
        let parts = || {
            let few = (0..10).map(v4);
            let sparse = (0..65_536).map(|at| v4((at << 16) | (at % 7)));
            [set(few), set(sparse.clone()), set([v6(1)]), set(sparse.map(|flow| v4(flow.src.v4() + 9)))]
        };
        let (mut merged, mut taken) = (SourceSet::default(), SourceSet::default());
        let mut truth = std::collections::BTreeSet::new();
        for mut part in parts() {
            truth.extend(part.v4.iter());
            merged.merge(&part);
            taken.take(&mut part);
            assert_eq!(merged.len(), taken.len());
        }
        assert!(merged.v4.iter().eq(truth.iter().copied()) && merged.v4 == taken.v4);
        assert_eq!(merged.len(), truth.len() as u64 + 1);

        let mut sets_evicted = set((0..10).map(v4));
        sets_evicted.give_up();
        let mut taken = SourceSet::default();
        taken.take(&mut sets_evicted);
        assert_eq!((taken.len(), taken.is_exact()), (10, false));
    }

    #[test]
    fn what_was_given_up_says_how_many_there_were_at_least() {
        let mut sets_evicted = set((0..1_000).map(v4));
        sets_evicted.give_up();
        sets_evicted.add(&v4(5_000));
        sets_evicted.settle();
        assert_eq!((sets_evicted.len(), sets_evicted.is_exact(), sets_evicted.bytes()), (1_000, false, 0));
        let mut whole = set((0..10).map(v4));
        whole.merge(&sets_evicted);
        assert_eq!((whole.len(), whole.is_exact()), (1_000, false));
    }

    #[test]
    fn the_memory_that_is_reckoned_is_not_less_than_what_the_addresses_take() {
        let dense = set((0..1_000_000).map(v4));
        let sparse = set((0..65_536).map(|at| v4(at << 16)));
        assert!(dense.bytes() >= 1_000_000 / 8, "{}", dense.bytes());
        assert!(sparse.bytes() >= 65_536 * 40, "{}", sparse.bytes());
    }
}
