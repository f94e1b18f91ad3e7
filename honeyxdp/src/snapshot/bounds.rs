//! Sizes of snapshots and histories after the worst traffic.

use std::{collections::BTreeMap, time::Duration};

use honeyxdp_common::{Address, Disposition, Family, Syn, flow::Flow};
use jiff::Timestamp;

use super::*;
use crate::{
    Counts,
    payloads::{Kind, Tally as PayloadTally},
    sources::{Settings, SourceTracker},
};

const KIB: usize = 1 << 10;
/// Snapshots per day at the default interval.
const DAILY: usize = 8640;
/// Snapshots in a default history.
const KEPT: usize = 360 + (DAILY - 360) / 6;

/// Numbers without a pattern that would compress.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// Counters after scans of every port by these families: before and after the last interval.
fn counters(families: &[Family], before: u64, new: u64) -> (Counts, Counts) {
    let (mut random, mut old) = (Random(0x9e37_79b9_7f4a_7c15), Counts::default());
    for port in 0..=u16::MAX {
        for family in families {
            old.row_mut(port)[family.wire_id()] = 1 + random.next(before);
        }
    }
    let mut counts = old.clone();
    for port in 0..=u16::MAX {
        for family in families {
            counts.row_mut(port)[family.wire_id()] += 1 + random.next(new);
        }
    }
    for counter in [&mut old, &mut counts] {
        let syns = counter.families().iter().sum();
        counter.others[Disposition::Syn as usize].events = syns;
        counter.others[Disposition::Syn as usize].amount = 60 * syns;
    }
    (old, counts)
}

/// A snapshot with everything that fills lists: all families, ports, windows and payload classifications.
fn snapshot(families: &[Family], before: u64, new: u64) -> Snapshot {
    let now = Timestamp::UNIX_EPOCH;
    let (old, counts) = counters(families, before, new);
    let mut sources = SourceTracker::new(&Settings::default(), now);
    for hour in 0..50 {
        for port in Settings::default().ports.iter() {
            for (&family, host) in families.iter().zip(0..) {
                let syn = Syn { src: Address::from_v4(host), dport: port, ..Syn::BLANK };
                sources.record(&Flow::begin(&syn, family, 0, 0, 0), None);
            }
        }
        // The records do not add up to the counters, which is of no interest here.
        let _ = sources.close(&counts, now + Duration::from_hours(hour));
    }
    let family = |name: &str| FamilyPackets { name: name.to_owned(), packets: before };
    let interface = |index| InterfaceReport {
        name: format!("enp{index}s0f0np0"),
        index,
        mode: ModeReport::Native,
        program_id: 12_345,
        program_tag: "0123456789abcdef".to_owned(),
        frames: Disposition::ALL.iter().map(|disposition| (disposition.name().to_owned(), before)).collect(),
        families: Family::ALL.iter().map(|entry| family(entry.name())).collect(),
    };
    let sensor = Sensor::of_this_machine(Some("sensor".to_owned()), Some("site".to_owned()));
    let ports = PortLimit::default();
    let interfaces = (1..=4).map(interface).collect();
    let mut recorder =
        Recorder::new(Run { sensor, interfaces, started_at: now, filters: BTreeMap::new(), ports }, 8_640_000);
    let mut random = Random(7);
    let mut tally = PayloadTally::default();
    for port in 0..4_096 {
        let kind = Kind {
            exploit: Some(format!("CVE-2017-{}", 10_000 + random.next(89_999))),
            family: families[0].name().to_owned(),
            attribution_source: "fingerprint".to_owned(),
            port,
        };
        tally.labels.insert(kind, 1 + random.next(100_000_000));
    }
    recorder.captured(Some(Captured { tally: tally.clone(), responds: true, ..Captured::default() }));
    recorder.stored(&old, sources.tally());
    tally.labels.values_mut().for_each(|payloads| *payloads += 1 + random.next(10_000));
    recorder.captured(Some(Captured { tally, responds: true, ..Captured::default() }));
    recorder.snapshot(&counts, &sources, Span { start: now, end: now, length: Duration::from_secs(10) })
}

/// Bytes of the snapshot and of its entry in the history.
fn sizes(snapshot: &Snapshot) -> (usize, usize) {
    let directory = tempfile::tempdir().unwrap();
    store::Store::open(directory.path(), store::History::recent(1)).unwrap().write(snapshot).unwrap();
    let size = |path: &std::path::Path| usize::try_from(path.metadata().unwrap().len()).unwrap();
    let entry = directory.path().join("history").read_dir().unwrap().next().unwrap().unwrap().path();
    (size(&directory.path().join(store::NEWEST)), size(&entry))
}

#[test]
fn sizes_stay_within_their_bounds_after_any_traffic() {
    let five = &Family::ALL[..5];
    // One SYN to each port by each of five tools; years at line rate, by every family.
    for (name, snapshot) in [
        ("sweep by five tools", snapshot(five, 1, 1)),
        ("years of everything", snapshot(Family::ALL, 1_000_000_000, 100_000)),
    ] {
        let (json, gzip) = sizes(&snapshot);
        // The store removes the oldest beyond its limit.
        let limit = usize::try_from(store::HISTORY_BYTES).unwrap();
        let (history, daily) = ((KEPT * gzip).min(limit), DAILY * (json + gzip));
        println!("{name}: snapshot {json} bytes, compressed {gzip}; history {history}, written per day {daily}");
        assert!(json < 128 * KIB, "{name}: a snapshot of {json} bytes");
        assert!(history <= limit, "{name}: a history of {history} bytes");
        assert!(daily < 1_280 * KIB * KIB, "{name}: {daily} bytes a day");
    }
}

#[test]
fn a_sweep_leaves_a_whole_history() {
    let (_, gzip) = sizes(&snapshot(&Family::ALL[..5], 1, 1));
    assert!((KEPT * gzip) as u64 <= store::HISTORY_BYTES, "{gzip} bytes a snapshot");
}

#[test]
fn what_the_lists_leave_out_is_in_the_sums() {
    let snapshot = snapshot(Family::ALL, 1_000, 10);
    for (ports, other, families) in [
        (&snapshot.ports, snapshot.other_ports, &snapshot.families),
        (&snapshot.interval.ports, snapshot.interval.other_ports, &snapshot.interval.families),
    ] {
        let listed: u64 = ports.iter().map(|port| port.packets).sum();
        let syns: u64 = families.iter().map(|family| family.packets).sum();
        assert_eq!((ports.len() as u64 + other.ports, listed + other.packets), (65_536, syns));
        assert!(ports.is_sorted_by_key(|port| std::cmp::Reverse(port.packets)));
        for port in ports {
            assert_eq!(port.families.iter().map(|family| family.packets).sum::<u64>(), port.packets);
        }
        for family in families {
            let listed: u64 = family.ports.iter().map(|port| port.packets).sum();
            assert_eq!(listed + family.other_ports.packets, family.packets);
            assert_eq!(family.ports.len() as u64 + family.other_ports.ports, 65_536);
        }
    }
    assert_eq!(snapshot.frames.dispositions["syn"], snapshot.port_packets());
    for payloads in [&snapshot.payloads, &snapshot.interval.payloads] {
        let payloads = payloads.as_ref().unwrap();
        let listed: u64 = payloads.classifications.iter().map(|report| report.payloads).sum();
        assert_eq!(listed + payloads.other_classifications.payloads, payloads.classified);
    }
}
