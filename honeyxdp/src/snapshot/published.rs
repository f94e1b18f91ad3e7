//! From a document back to counters: what the process before this one had published.

use honeyxdp_common::{
    Disposition, Family, FilterReason,
    counters::{Counter, FILTERED, LOST, SAMPLED_OUT, SECONDARY, V6},
};

use super::Snapshot;
use crate::{Counts, sources::Tally};

/// The counters that a snapshot shows, if `now` are newer ones of the same run; `None` when they are not, or when it names
/// families that this version does not know.
///
/// Bytes are in the document for all dispositions together. Here they are spread over them so that none has more than now: only
/// their sum is ever shown.
pub fn published(snapshot: &Snapshot, now: &Counts) -> Option<(Counts, Tally)> {
    let mut counts = Counts::default();
    let family = |name: &str| Family::ALL.iter().copied().find(|family| family.name() == name);
    for (name, report) in &snapshot.families {
        let id = family(name)?.wire_id();
        for (&port, &packets) in &report.ports {
            counts.row_mut(port)[id] = packets;
        }
        counts.others[V6 + id].events = report.packets_v6;
        counts.others[SECONDARY + id].events = report.matched.checked_sub(report.packets)?;
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
    let records = snapshot.records.as_ref()?;
    let of = records.lost_packets.min(now.lost_packets());
    counts.others[LOST] = Counter { events: records.lost, amount: of };
    counts.others[SAMPLED_OUT].events = records.sampled_out_packets;
    let gone = records.lost_packets - of;
    let tally = Tally { records: records.emitted, packets: records.packets, gone };
    (bytes == 0 && now.contain(&counts)).then_some((counts, tally))
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
        snapshot::{Recorder, Run, Sensor, Span},
        sources::Settings,
    };

    fn pipeline(syns: u32) -> Pipeline {
        let mut pipeline = Pipeline::new(Filters::default(), &Settings::default());
        for host in 0..syns {
            let (src, dst) = (Address::from_v4(host), Address::from_v4(7));
            let dport = if host % 3 == 0 { 80 } else { 23 };
            pipeline.frame(Ok(Syn { src, dst, seq: 7 + host % 2, dport, ..Syn::BLANK }), 60, 0);
            pipeline.frame(Err(Disposition::Udp), 100, 0);
        }
        pipeline.close(Timestamp::UNIX_EPOCH).unwrap();
        pipeline
    }

    fn snapshot(pipeline: &Pipeline) -> Snapshot {
        let now = Timestamp::UNIX_EPOCH;
        let sensor = Sensor::of_this_machine(None);
        let run = Run { sensor, interfaces: Vec::new(), started_at: now, filters: BTreeMap::new() };
        let span = Span { start: now, end: now, length: Duration::ZERO };
        Recorder::new(run, 0).snapshot(pipeline.counts(), pipeline.sources(), span)
    }

    #[test]
    fn the_interval_after_another_process_is_what_came_since_its_last_snapshot() {
        let (before, now) = (pipeline(100), pipeline(250));
        let (counts, tally) = published(&snapshot(&before), now.counts()).unwrap();
        assert_eq!(counts.families(), before.counts().families());
        assert_eq!(counts.bytes(), before.counts().bytes());
        assert_eq!(tally, before.sources().tally());
        let since = now.counts().since(&counts);
        assert_eq!((since.syns(), since.seen(), since.bytes()), (150, 300, 150 * 160));
        assert_eq!(since.port_syns(23) + since.port_syns(80), 150);
    }

    #[test]
    fn a_snapshot_that_says_more_than_the_counters_is_of_another_run() {
        let (before, now) = (pipeline(100), pipeline(99));
        assert!(published(&snapshot(&before), now.counts()).is_none());
        let mut unknown = snapshot(&now);
        let mirai = unknown.families.remove("mirai").unwrap();
        unknown.families.insert("from the future".to_owned(), mirai);
        assert!(published(&unknown, now.counts()).is_none());
    }
}
