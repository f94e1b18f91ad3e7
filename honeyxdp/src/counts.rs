//! All counters at one moment.

use honeyxdp_common::{
    Disposition, Family, Syn,
    counters::{FAMILY_SLOTS, PORTS, V6 as DISPOSITION_SLOTS},
    marks,
};

/// Cumulative counters, all CPUs and interfaces together.
///
/// The SYNs are counted once, by port and family; their disposition is the sum of those, so parts and whole agree
/// even when they were read while frames came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Row per destination port, a counter per family's wire id: SYNs by primary family.
    ports: Vec<[u64; FAMILY_SLOTS]>,
    /// Frames without a counted SYN. The slot of [`Disposition::Syn`] is not used.
    pub(crate) dispositions: [u64; DISPOSITION_SLOTS],
    /// SYNs over IPv6 by primary family; also in `ports`.
    pub(crate) families_v6: [u64; FAMILY_SLOTS],
    /// SYNs that carried a family's mark while another one was primary.
    pub(crate) secondary: [u64; FAMILY_SLOTS],
    /// Bytes of all frames, without the check sequence.
    pub(crate) bytes: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            ports: vec![[0; FAMILY_SLOTS]; PORTS],
            dispositions: [0; DISPOSITION_SLOTS],
            families_v6: [0; FAMILY_SLOTS],
            secondary: [0; FAMILY_SLOTS],
            bytes: 0,
        }
    }
}

impl Counts {
    /// Counts one frame of `bytes` bytes on the wire, as the kernel program does.
    pub fn frame(&mut self, dissected: Result<Syn, Disposition>, bytes: u64) {
        self.bytes += bytes;
        match dissected {
            Ok(syn) => self.syn(&syn),
            Err(disposition) => self.dispositions[disposition as usize] += 1,
        }
    }

    fn syn(&mut self, syn: &Syn) {
        let tags = marks::tags(syn);
        let family = marks::primary(tags);
        let id = family.wire_id();
        self.ports[usize::from(syn.dport)][id] += 1;
        if !syn.is_v4() {
            self.families_v6[id] += 1;
        }
        marks::each(marks::secondary(tags, family), |other| self.secondary[other.wire_id()] += 1);
    }

    /// SYNs to `port` whose primary family is `family`.
    pub fn port(&self, port: u16, family: Family) -> u64 {
        self.ports[usize::from(port)][family.wire_id()]
    }

    /// SYNs whose primary family is `family`.
    pub fn family(&self, family: Family) -> u64 {
        self.ports.iter().map(|row| row[family.wire_id()]).sum()
    }

    /// SYNs over IPv6 whose primary family is `family`.
    pub fn family_v6(&self, family: Family) -> u64 {
        self.families_v6[family.wire_id()]
    }

    /// SYNs that carry `family`'s mark while another family is primary.
    pub fn secondary(&self, family: Family) -> u64 {
        self.secondary[family.wire_id()]
    }

    /// Frames with this disposition.
    pub fn disposition(&self, disposition: Disposition) -> u64 {
        match disposition {
            Disposition::Syn => self.ports.iter().flatten().sum(),
            other => self.dispositions[other as usize],
        }
    }

    /// All frames.
    pub fn seen(&self) -> u64 {
        Disposition::ALL.into_iter().map(|disposition| self.disposition(disposition)).sum()
    }

    /// Bytes of all frames. Read live, it may lack those of the newest SYNs.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Destination ports with at least one SYN, and their rows.
    pub fn ports(&self) -> impl Iterator<Item = (u16, &[u64; FAMILY_SLOTS])> {
        (0..=u16::MAX).zip(&self.ports).filter(|(_, row)| row.iter().any(|&count| count > 0))
    }

    /// All rows, to be filled from the kernel.
    pub(crate) fn rows_mut(&mut self) -> &mut [[u64; FAMILY_SLOTS]] {
        &mut self.ports
    }

    /// What was counted after `earlier`, which must be an older state of the same counters.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut delta = self.clone();
        for (row, before) in delta.ports.iter_mut().zip(&earlier.ports) {
            subtract(row, before);
        }
        subtract(&mut delta.dispositions, &earlier.dispositions);
        subtract(&mut delta.families_v6, &earlier.families_v6);
        subtract(&mut delta.secondary, &earlier.secondary);
        delta.bytes -= earlier.bytes;
        delta
    }
}

fn subtract<const N: usize>(counters: &mut [u64; N], earlier: &[u64; N]) {
    for (counter, before) in counters.iter_mut().zip(earlier) {
        *counter -= before;
    }
}
