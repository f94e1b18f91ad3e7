//! All counters at one moment.

use honeyxdp_common::{
    Disposition, Family, FamilySet, FilterReason, Syn,
    counters::{Counter, FAMILY_SLOTS, FILTERED, INTERFACE_COUNTERS, LOST, PORTS, SAMPLED_OUT, SECONDARY, V6},
    filter::{PORT_WORDS, port_bit},
    fingerprints,
};

/// Cumulative counters, all CPUs and interfaces together.
#[derive(Clone, Debug)]
pub struct Counts {
    /// SYNs by destination port and by wire id of the primary family. Empty before the first SYN, because an interval has such
    /// a table too, and an idle sensor should not fill 8 MiB with zeros.
    ports: Vec<[u64; FAMILY_SLOTS]>,
    /// A bit for each port with a SYN, so that the 8 MiB are not searched for the few.
    seen: [u64; PORT_WORDS],
    /// The other counters, in the layout of the program; see `honeyxdp_common::counters`.
    pub(crate) others: [Counter; INTERFACE_COUNTERS],
}

impl Default for Counts {
    fn default() -> Self {
        Self { ports: Vec::new(), seen: [0; PORT_WORDS], others: [Counter::default(); INTERFACE_COUNTERS] }
    }
}

impl PartialEq for Counts {
    fn eq(&self, other: &Self) -> bool {
        self.others == other.others && self.ports().eq(other.ports())
    }
}

impl Eq for Counts {}

impl Counts {
    /// Counts a frame of `bytes` bytes on the wire.
    #[inline]
    pub(crate) const fn frame(&mut self, disposition: Disposition, bytes: u64) {
        let counter = &mut self.others[disposition as usize];
        counter.events += 1;
        counter.amount += bytes;
    }

    /// Counts a SYN that a filter removed.
    pub(crate) const fn filter(&mut self, reason: FilterReason) -> Disposition {
        self.others[FILTERED + reason as usize].events += 1;
        Disposition::Filtered
    }

    /// Counts a SYN by port and by its fingerprints.
    #[inline(always)]
    pub(crate) fn syn(&mut self, syn: &Syn, family: Family, matched: FamilySet) {
        let id = family.wire_id();
        self.row_mut(syn.dport)[id] += 1;
        if !syn.is_v4() {
            self.others[V6 + id].events += 1;
        }
        let others = fingerprints::secondary(matched, family);
        if others != 0 {
            self.secondary_matches(others);
        }
    }

    /// Out of line, because few SYNs match two fingerprints.
    #[inline(never)]
    fn secondary_matches(&mut self, matched: FamilySet) {
        fingerprints::each(matched, |other| self.others[SECONDARY + other.wire_id()].events += 1);
    }

    /// SYNs to `port` whose primary family is `family`.
    pub fn port(&self, port: u16, family: Family) -> u64 {
        self.row(port)[family.wire_id()]
    }

    /// SYNs whose primary family is `family`.
    pub fn family(&self, family: Family) -> u64 {
        self.ports().map(|(_, row)| row[family.wire_id()]).sum()
    }

    /// SYNs by primary family.
    pub fn families(&self) -> [u64; FAMILY_SLOTS] {
        let mut families = [0; FAMILY_SLOTS];
        for (_, row) in self.ports() {
            families.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
        }
        families
    }

    /// SYNs to `port`.
    pub fn port_syns(&self, port: u16) -> u64 {
        self.row(port).iter().sum()
    }

    /// SYNs over IPv6 whose primary family is `family`.
    pub const fn family_v6(&self, family: Family) -> u64 {
        self.others[V6 + family.wire_id()].events
    }

    /// SYNs that match `family`'s fingerprint while another family is primary.
    pub const fn secondary(&self, family: Family) -> u64 {
        self.others[SECONDARY + family.wire_id()].events
    }

    /// Frames with this disposition.
    pub const fn disposition(&self, disposition: Disposition) -> u64 {
        self.others[disposition as usize].events
    }

    /// SYNs that were counted by port.
    pub const fn syns(&self) -> u64 {
        self.disposition(Disposition::Syn)
    }

    /// SYNs that this filter removed.
    pub const fn filtered(&self, reason: FilterReason) -> u64 {
        self.others[FILTERED + reason as usize].events
    }

    /// All frames.
    pub fn seen(&self) -> u64 {
        Disposition::ALL.into_iter().map(|disposition| self.disposition(disposition)).sum()
    }

    /// Bytes of all frames.
    pub fn bytes(&self) -> u64 {
        Disposition::ALL.into_iter().map(|disposition| self.others[disposition as usize].amount).sum()
    }

    /// Flow records dropped because a ring was full.
    pub const fn lost_records(&self) -> u64 {
        self.others[LOST].events
    }

    /// SYNs in those.
    pub const fn lost_packets(&self) -> u64 {
        self.others[LOST].amount
    }

    /// SYNs that sampling kept out of the records.
    pub const fn sampled_out(&self) -> u64 {
        self.others[SAMPLED_OUT].events
    }

    /// Destination ports with at least one SYN, and their rows.
    pub fn ports(&self) -> impl Iterator<Item = (u16, &[u64; FAMILY_SLOTS])> {
        (0..PORT_WORDS).flat_map(|word| bits(self.seen[word]).map(move |bit| word * 64 + bit)).map(|port| {
            #[expect(clippy::cast_possible_truncation, reason = "there are 65,536 bits")]
            let number = port as u16;
            (number, &self.ports[port])
        })
    }

    /// The row of a port that gets a SYN.
    #[inline]
    pub(crate) fn row_mut(&mut self, port: u16) -> &mut [u64; FAMILY_SLOTS] {
        let (word, bit) = port_bit(port);
        self.seen[word as usize] |= 1 << bit;
        if self.ports.is_empty() {
            self.make_rows();
        }
        &mut self.ports[usize::from(port)]
    }

    #[cold]
    fn make_rows(&mut self) {
        self.ports = vec![[0; FAMILY_SLOTS]; PORTS];
    }

    /// The row of a port.
    pub(crate) fn row(&self, port: u16) -> &[u64; FAMILY_SLOTS] {
        self.ports.get(usize::from(port)).unwrap_or(&[0; FAMILY_SLOTS])
    }

    /// Becomes `newer`, which must be a newer state of the same counters.
    pub(crate) fn catch_up(&mut self, newer: &Self) {
        for (port, row) in newer.ports() {
            *self.row_mut(port) = *row;
        }
        self.others = newer.others;
    }

    /// Whether none of `earlier` is more than it is here.
    pub(crate) fn contain(&self, earlier: &Self) -> bool {
        let rows =
            earlier.ports().all(|(port, row)| row.iter().zip(self.row(port)).all(|(earlier, now)| earlier <= now));
        let others = earlier.others.iter().zip(&self.others);
        rows && others.into_iter().all(|(earlier, now)| earlier.events <= now.events && earlier.amount <= now.amount)
    }

    /// What was counted after `earlier`, which must be an older state of the same counters.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut delta = Self { others: self.others, ..Self::default() };
        for (port, row) in self.ports() {
            let before = earlier.row(port);
            if row != before {
                let new = delta.row_mut(port);
                new.iter_mut().zip(row).zip(before).for_each(|((new, now), before)| *new = now - before);
            }
        }
        for (counter, before) in delta.others.iter_mut().zip(&earlier.others) {
            counter.events -= before.events;
            counter.amount -= before.amount;
        }
        delta
    }
}

/// The bits that are set, from the lowest on.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        (bit < 64).then(|| {
            word &= word - 1;
            bit as usize
        })
    })
}
