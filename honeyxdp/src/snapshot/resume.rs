//! From a document back to counters: what the previous process had stored.

use honeyxdp_common::{
    Disposition, Family, FilterReason,
    counters::{Counter, FAMILY_SLOTS, FILTERED, LOST, SAMPLED_OUT, SECONDARY, V6},
};

use super::Snapshot;
use crate::{Counts, sources::Tally};

/// Counters that a process has stored, for the next process to subtract from its own.
///
/// A snapshot lists the most frequent ports only. Of the others it has sums, so the first interval of the next process
/// has a sum for these ports too: every SYN stays in exactly one interval, and in that of its family.
#[derive(Clone, Debug, Default)]
pub struct Resumed {
    /// Stored counters. A port that the snapshot did not list has the value at the start of the new process.
    pub(crate) counts: Counts,
    /// Stored record counts.
    pub(crate) tally: Tally,
    /// SYNs to ports that the snapshot did not list, between it and the start of the new process.
    pub(super) unlisted: Unlisted,
}

/// SYNs that belong to an interval and to no single port.
#[derive(Clone, Debug, Default)]
pub(super) struct Unlisted {
    /// SYNs by family.
    pub(super) families: [u64; FAMILY_SLOTS],
    /// Maximum number of ports that these SYNs went to.
    pub(super) ports: u64,
}

impl Resumed {
    /// Counters in `snapshot`, if `now` are newer ones of the same run. Returns `None` if they are not, or if the snapshot
    /// has a family that this version does not know.
    ///
    /// The snapshot has bytes for all dispositions together. They are spread over the dispositions such that none exceeds
    /// its value in `now`; only their sum is ever shown.
    pub fn from_snapshot(snapshot: &Snapshot, now: &Counts) -> Option<Self> {
        let mut counts = Counts::default();
        let id = |name: &str| Some(Family::ALL.iter().find(|family| family.name() == name)?.wire_id());
        let mut elsewhere = [0; FAMILY_SLOTS];
        for report in &snapshot.families {
            let id = id(&report.name)?;
            elsewhere[id] = report.packets;
            counts.others[V6 + id].events = report.packets_v6;
            counts.others[SECONDARY + id].events = report.matched.checked_sub(report.packets)?;
        }
        for report in &snapshot.ports {
            for family in &report.families {
                let id = id(&family.name)?;
                counts.row_mut(report.port)[id] = family.packets;
                elsewhere[id] = elsewhere[id].checked_sub(family.packets)?;
            }
        }
        let listed = |port| counts.row(port).iter().any(|&packets| packets > 0);
        let rest: Vec<_> = now.ports().filter(|&(port, _)| !listed(port)).collect();
        let mut unlisted = Unlisted::default();
        for (port, row) in rest {
            *counts.row_mut(port) = *row;
            unlisted.families.iter_mut().zip(row).for_each(|(sum, packets)| *sum += packets);
            unlisted.ports += 1;
        }
        for (new, before) in unlisted.families.iter_mut().zip(elsewhere) {
            *new = new.checked_sub(before)?;
        }
        if unlisted.families.iter().all(|&packets| packets == 0) {
            unlisted.ports = 0;
        } else if snapshot.other_ports.ports == 0 {
            // Every port of the snapshot is listed, so the others are new and their counts are exact.
            for (port, _) in now.ports().filter(|&(port, _)| snapshot.port(port).is_none()) {
                *counts.row_mut(port) = [0; FAMILY_SLOTS];
            }
            unlisted = Unlisted::default();
        }
        let mut bytes = snapshot.frames.bytes;
        for disposition in Disposition::ALL {
            let at = disposition as usize;
            let of = bytes.min(now.others[at].amount);
            bytes -= of;
            counts.others[at] = Counter { events: *snapshot.frames.dispositions.get(disposition.name())?, amount: of };
        }
        for reason in FilterReason::ALL {
            counts.others[FILTERED + reason as usize].events = *snapshot.frames.filtered.get(reason.name())?;
        }
        let records = &snapshot.records;
        let of = records.lost_packets.min(now.lost_packets());
        counts.others[LOST] = Counter { events: records.lost, amount: of };
        counts.others[SAMPLED_OUT].events = records.sampled_out_packets;
        let gone = records.lost_packets - of;
        let tally = Tally { records: records.emitted, packets: records.packets, gone };
        (bytes == 0 && now.contain(&counts)).then_some(Self { counts, tally, unlisted })
    }

    /// Stored counters.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Stored record counts.
    pub const fn tally(&self) -> Tally {
        self.tally
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use honeyxdp_common::{Address, Syn};
    use jiff::Timestamp;

    use super::*;
    use crate::{
        Pipeline,
        filter::Filters,
        snapshot::{PortLimit, Recorder, Run, Sensor, Span},
        sources::Settings,
    };

    /// `syns` SYNs, spread over `ports` ports such that low ports get more.
    fn pipeline(syns: u32, ports: u32) -> Pipeline {
        let mut pipeline = Pipeline::new(Filters::default(), &Settings::default());
        for host in 0..syns {
            let (src, dst) = (Address::from_v4(host), Address::from_v4(7));
            let dport = u16::try_from(host % ports % (1 + host / ports)).unwrap();
            pipeline.frame(Ok(Syn { src, dst, seq: 7 + host % 2, dport, ..Syn::BLANK }), 60, 0);
            pipeline.frame(Err(Disposition::Udp), 100, 0);
        }
        pipeline.close(Timestamp::UNIX_EPOCH).unwrap();
        pipeline
    }

    fn recorder() -> Recorder {
        let now = Timestamp::UNIX_EPOCH;
        let (sensor, interfaces) = (Sensor::of_this_machine(None, None), Vec::new());
        Recorder::new(
            Run { sensor, interfaces, started_at: now, filters: BTreeMap::new(), ports: PortLimit::new(10) },
            0,
        )
    }

    fn snapshot(recorder: &Recorder, pipeline: &Pipeline) -> Snapshot {
        let now = Timestamp::UNIX_EPOCH;
        recorder.snapshot(pipeline.counts(), pipeline.sources(), Span { start: now, end: now, length: Duration::ZERO })
    }

    /// The first interval of a process that resumes after `before`.
    fn resumed(before: &Pipeline, now: &Pipeline) -> (Snapshot, Snapshot) {
        let first = snapshot(&recorder(), before);
        let stored = Resumed::from_snapshot(&first, now.counts()).unwrap();
        assert_eq!(stored.tally(), before.sources().tally());
        let mut recorder = recorder();
        recorder.resume(stored, super::super::Captured::default());
        (first, snapshot(&recorder, now))
    }

    #[test]
    fn intervals_add_up_across_processes() {
        for ports in [1, 5, 10, 11, 200] {
            let (before, now) = (pipeline(1_000, ports), pipeline(2_500, ports));
            let (first, second) = resumed(&before, &now);
            assert_eq!(first.interval.frames.bytes + second.interval.frames.bytes, second.frames.bytes);
            assert_eq!(first.port_packets() + second.interval.port_packets(), second.port_packets());
            assert_eq!(second.interval.port_packets(), 1_500);
            for (before, family) in first.families.iter().zip(&second.families) {
                let interval = second.interval.family(&family.name);
                assert_eq!(before.packets + interval.packets, family.packets, "{ports} ports, {}", family.name);
                let listed: u64 = interval.ports.iter().map(|entry| entry.packets).sum();
                assert_eq!(listed + interval.other_ports.packets, interval.packets);
            }
            for port in &second.interval.ports {
                let exact = now.counts().port_syns(port.port) - before.counts().port_syns(port.port);
                assert_eq!(port.packets, exact, "{ports} ports, port {}", port.port);
            }
        }
    }

    #[test]
    fn rejects_a_snapshot_of_another_run() {
        let (before, now) = (pipeline(100, 3), pipeline(99, 3));
        assert!(Resumed::from_snapshot(&snapshot(&recorder(), &before), now.counts()).is_none());
        let mut unknown = snapshot(&recorder(), &now);
        unknown.families[0].name = "from the future".to_owned();
        assert!(Resumed::from_snapshot(&unknown, now.counts()).is_none());
    }
}
