//! Live view, `honeyxdp.live/1`: totals, rates and samples for the dashboard and `honeyxdp top`.
//!
//! The counters are read when a client asks, at most once a second for all clients. Scripts should read the snapshot
//! instead. New keys may be added.

mod reading;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use honeyxdp_common::Family;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::reading::{Look, Reading};
use crate::snapshot::{
    AttributedReport, Frames, MemoryReport, ModeReport, Payloads, PortSources, Records, Sensor, Snapshot, UniqueSources,
};

/// Name and version of the document.
pub const SCHEMA: &str = "honeyxdp.live/1";
/// Maximum age of a reading that is shown again.
const FRESH: Duration = Duration::from_millis(900);
/// Shortest time between two readings for a rate.
const SHORTEST: Duration = Duration::from_millis(800);
/// Maximum age and number of samples.
const PAST: Duration = Duration::from_secs(600);
const MOST_SAMPLES: usize = 700;
/// Ports in the list of all, and in that of a family.
const TOP_PORTS: usize = 20;
const PORTS_OF_A_FAMILY: usize = 5;

/// The document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct View {
    /// Always `honeyxdp.live/1`.
    pub schema: String,
    /// Time of the reading, UTC.
    pub generated_at: Timestamp,
    /// Start of the cumulative counters, UTC.
    pub started_at: Timestamp,
    /// Number of the newest stored snapshot; null before the first.
    pub sequence: Option<u64>,
    /// Seconds between two stored snapshots.
    pub interval_seconds: f64,
    /// Seconds covered by the rates.
    pub seconds: f64,
    /// The sensor.
    pub sensor: Sensor,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// Why the sensor is not ready; null when it is.
    pub not_ready: Option<String>,
    /// All frames since `started_at`.
    pub frames: Frames,
    /// Frames per second.
    pub frames_per_second: f64,
    /// Counted SYNs per second.
    pub syns_per_second: f64,
    /// All families, the most frequent first.
    pub families: Vec<FamilyView>,
    /// The most frequent ports.
    pub ports: Vec<PortView>,
    /// Number of ports with at least one SYN.
    pub ports_seen: u64,
    /// SYNs of sources that multi-packet fingerprints attributed.
    pub attributed: Vec<AttributedReport>,
    /// Flow records.
    pub records: Records,
    /// Memory for sets of sources.
    pub memory: MemoryReport,
    /// First payloads; null without --observe and --respond.
    #[serde(default)]
    pub payloads: Option<Payloads>,
    /// Filters in force.
    pub filters: BTreeMap<String, serde_json::Value>,
    /// SYNs per second by family over the last minutes.
    pub samples: Samples,
}

/// An interface.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Attach mode.
    pub mode: ModeReport,
    /// Whether the program is still attached.
    pub attached: bool,
    /// Frames since `started_at`.
    pub frames: u64,
}

/// SYNs of a family.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FamilyView {
    /// Its name.
    pub name: String,
    /// Id and version of its fingerprint.
    pub rule: String,
    /// Confidence of the fingerprint: A to D.
    pub confidence: String,
    /// SYNs since `started_at`.
    pub packets: u64,
    /// Those over IPv6.
    pub packets_v6: u64,
    /// SYNs per second.
    pub per_second: f64,
    /// Unique sources since `started_at`.
    pub sources: UniqueSources,
    /// Unique sources in the current hour, UTC; null without any.
    pub sources_hour: Option<UniqueSources>,
    /// Unique sources in the current day, UTC; null without any.
    pub sources_day: Option<UniqueSources>,
    /// Its most frequent ports, and SYNs.
    pub ports: Vec<(u16, u64)>,
}

/// SYNs to a port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortView {
    /// The port.
    pub port: u16,
    /// SYNs since `started_at`.
    pub packets: u64,
    /// SYNs per second.
    pub per_second: f64,
    /// SYNs by family, the most frequent first.
    pub families: Vec<(String, u64)>,
    /// Unique sources, if --port-sources includes the port.
    pub sources: Option<PortSources>,
}

/// Samples.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Samples {
    /// Families, in the order of `syns`.
    pub families: Vec<String>,
    /// Oldest first; with `?after=N` only those with a larger number.
    pub points: Vec<Sample>,
}

/// SYNs between two readings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// Number of the sample since the sensor started, from 1.
    pub number: u64,
    /// End, UTC.
    pub end: Timestamp,
    /// Length in seconds.
    pub seconds: f64,
    /// SYNs by family.
    pub syns: Vec<u64>,
}

/// State of the sensor that a reading does not have.
#[derive(Debug)]
pub(crate) struct SensorState {
    /// Names of the interfaces that the program is attached to.
    pub(crate) attached: BTreeSet<String>,
    /// Number of the newest stored snapshot.
    pub(crate) sequence: Option<u64>,
    /// Time between two stored snapshots.
    pub(crate) interval: Duration,
    /// Why the sensor is not ready.
    pub(crate) not_ready: Option<String>,
}

/// The last two readings, and the samples.
#[derive(Debug)]
pub(crate) struct Live {
    look: Look,
    /// Time of the last attempt to read the counters.
    looked: Option<Instant>,
    newest: Option<Reading>,
    /// The reading before: rates are between the two.
    before: Option<Reading>,
    samples: VecDeque<(Instant, Sample)>,
    number: u64,
}

impl Live {
    pub(crate) const fn new(look: Look) -> Self {
        Self { look, looked: None, newest: None, before: None, samples: VecDeque::new(), number: 0 }
    }

    /// The current document.
    ///
    /// # Errors
    /// Returns an error if no reading has succeeded yet.
    pub(crate) async fn view(&mut self, state: SensorState, after: u64) -> anyhow::Result<View> {
        if self.looked.is_none_or(|looked| looked.elapsed() >= FRESH) {
            self.looked = Some(Instant::now());
            match self.look.now().await {
                Ok(reading) => self.sample(&reading),
                // The last reading stays valid; the document has its time.
                Err(error) if self.newest.is_none() => return Err(error),
                Err(_) => {}
            }
        }
        let Some(newest) = &self.newest else { anyhow::bail!("nothing was counted yet; try again in a second") };
        let earlier = self.before.as_ref().map(|before| &*before.snapshot);
        let seconds = match &self.before {
            Some(before) => newest.at.duration_since(before.at).as_secs_f64(),
            None => newest.snapshot.interval.seconds,
        };
        let mut view = view(&newest.snapshot, earlier, seconds);
        for interface in &mut view.interfaces {
            interface.attached = state.attached.contains(&interface.name);
        }
        view.sequence = state.sequence;
        view.interval_seconds = state.interval.as_secs_f64();
        view.not_ready = state.not_ready;
        // A larger number is from before a restart of the sensor.
        let after = if after > self.number { 0 } else { after };
        view.samples.points =
            self.samples.iter().filter(|(_, sample)| sample.number > after).map(|(_, sample)| sample.clone()).collect();
        Ok(view)
    }

    /// Adds a reading. One that follows another too soon is ignored.
    pub(crate) fn sample(&mut self, reading: &Reading) {
        let before = self.newest.as_ref();
        if before.is_some_and(|newest| reading.at.saturating_duration_since(newest.at) < SHORTEST) {
            return;
        }
        let (seconds, old) = match before {
            Some(newest) => (reading.at.duration_since(newest.at).as_secs_f64(), Some(&*newest.snapshot)),
            None => (reading.snapshot.interval.seconds, None),
        };
        self.number += 1;
        let sample = Sample {
            number: self.number,
            end: reading.snapshot.interval.end,
            seconds,
            syns: Family::ALL.iter().map(|family| added(&reading.snapshot, old, family.name())).collect(),
        };
        // The first one may cover a moment only, and its rate would dwarf all others.
        if seconds >= SHORTEST.as_secs_f64() {
            self.samples.push_back((reading.at, sample));
        }
        let too_old = |samples: &VecDeque<(Instant, Sample)>| {
            samples.front().is_some_and(|(at, _)| reading.at.saturating_duration_since(*at) > PAST)
        };
        while self.samples.len() > MOST_SAMPLES || too_old(&self.samples) {
            self.samples.pop_front();
        }
        self.before = self.newest.replace(reading.clone());
    }
}

/// SYNs of a family since `old`.
fn added(new: &Snapshot, old: Option<&Snapshot>, family: &str) -> u64 {
    let packets = |snapshot: &Snapshot| snapshot.find_family(family).map_or(0, |report| report.packets);
    packets(new).saturating_sub(old.map_or(0, packets))
}

pub(crate) fn view(new: &Snapshot, old: Option<&Snapshot>, seconds: f64) -> View {
    let syns = |snapshot: &Snapshot| snapshot.frames.dispositions.get("syn").copied().unwrap_or(0);
    View {
        schema: SCHEMA.to_owned(),
        generated_at: new.generated_at,
        started_at: new.started_at,
        sequence: None,
        interval_seconds: 0.0,
        seconds,
        sensor: new.sensor.clone(),
        interfaces: new
            .interfaces
            .iter()
            .map(|interface| Interface {
                name: interface.name.clone(),
                mode: interface.mode,
                attached: false,
                frames: interface.frames.values().sum(),
            })
            .collect(),
        not_ready: None,
        frames: new.frames.clone(),
        frames_per_second: rate(new.frames.seen, old.map_or(0, |old| old.frames.seen), seconds),
        syns_per_second: rate(syns(new), old.map_or(0, syns), seconds),
        families: families(new, old, seconds),
        ports: ports(new, old, seconds),
        ports_seen: new.ports_seen(),
        attributed: new.attributed.clone(),
        records: new.records.clone(),
        memory: new.memory.clone(),
        payloads: new.payloads.clone(),
        filters: new.filters.clone(),
        samples: Samples {
            families: Family::ALL.iter().map(|family| family.name().to_owned()).collect(),
            points: Vec::new(),
        },
    }
}

fn families(new: &Snapshot, old: Option<&Snapshot>, seconds: f64) -> Vec<FamilyView> {
    let mut families: Vec<FamilyView> = Family::ALL
        .iter()
        .filter_map(|family| {
            let name = family.name();
            let report = new.find_family(name)?;
            let ports = report.ports.iter().take(PORTS_OF_A_FAMILY).map(|entry| (entry.port, entry.packets)).collect();
            Some(FamilyView {
                name: name.to_owned(),
                rule: report.rule.clone(),
                confidence: family.rules()[0].confidence.name().to_owned(),
                packets: report.packets,
                packets_v6: report.packets_v6,
                per_second: rate(added(new, old, name), 0, seconds),
                sources: report.unique_sources.clone(),
                sources_hour: new.windows.hour.family(name).cloned(),
                sources_day: new.windows.day.family(name).cloned(),
                ports,
            })
        })
        .collect();
    families.sort_by_key(|family| Reverse(family.packets));
    families
}

fn ports(new: &Snapshot, old: Option<&Snapshot>, seconds: f64) -> Vec<PortView> {
    new.ports
        .iter()
        .take(TOP_PORTS)
        .map(|report| {
            let port = report.port;
            let families = report.families.iter().map(|family| (family.name.clone(), family.packets)).collect();
            let per_second = match old.map(|old| old.port(port)) {
                None => rate(report.packets, 0, seconds),
                Some(Some(before)) => rate(report.packets, before.packets, seconds),
                // The port was not listed before. Its interval is exact, and of another length.
                Some(None) => rate(new.interval.port(port).map_or(0, |report| report.packets), 0, new.interval.seconds),
            };
            PortView { port, packets: report.packets, per_second, families, sources: report.unique_sources.clone() }
        })
        .collect()
}

/// Rate per second; 0 if `seconds` is 0.
fn rate(new: u64, old: u64, seconds: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "what is shown has three digits")]
    let new = new.saturating_sub(old) as f64;
    if seconds > 0.0 { new / seconds } else { 0.0 }
}
