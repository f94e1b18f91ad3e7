//! `/metrics`, for Prometheus. docs/operate/http-and-metrics.md lists what is here; names and labels are a contract, and no address is a label.

mod payloads;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use axum::body::Bytes;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family as Labelled, gauge::Gauge, info::Info},
    registry::Registry,
};

use super::{document::Document, feed::Feed};
use crate::snapshot::{ModeReport, REVISION, Snapshot, UniqueSources};

/// Ports that have a series of their own: the most frequent.
const PORTS: usize = 20;
/// A port keeps its series as long as it is among so many.
const PORTS_KEPT: usize = 40;

type Float = Gauge<f64, AtomicU64>;

/// The two formats that a scraper may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// <https://prometheus.io/docs/specs/om/open_metrics_spec/>
    OpenMetrics,
    /// Prometheus' own text, version 0.0.4: for `promtool check metrics` and older scrapers.
    Text,
}

impl Format {
    /// By an Accept header: OpenMetrics for those who name it, as other exporters do.
    pub(super) fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Makes the text, and remembers which ports have a series.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    ports: Ports,
    payloads: payloads::Series,
    /// The last text in OpenMetrics, and what it was made of.
    made: Option<(Made, Bytes)>,
}

/// What a text was made of.
#[derive(Debug)]
struct Made {
    newest: Option<Arc<Document>>,
    watched: (BTreeSet<String>, BTreeSet<String>),
}

impl Made {
    fn is_of(&self, feed: &Feed) -> bool {
        let same = match (&self.newest, &feed.newest) {
            (Some(made), Some(newest)) => Arc::ptr_eq(made, newest),
            (None, None) => true,
            _ => false,
        };
        same && self.watched.0 == feed.attached && self.watched.1 == feed.missing
    }
}

impl Metrics {
    /// The text as of the newest snapshot.
    pub(super) fn text(&mut self, feed: &Feed, interval: Duration, format: Format) -> Bytes {
        let text = match &self.made {
            Some((made, text)) if made.is_of(feed) => text.clone(),
            _ => {
                let text = Bytes::from(self.make(feed, interval));
                let made = Made { newest: feed.newest.clone(), watched: (feed.attached.clone(), feed.missing.clone()) };
                self.made = Some((made, text.clone()));
                text
            }
        };
        match format {
            Format::OpenMetrics => text,
            Format::Text => older(std::str::from_utf8(&text).expect("it is text")).into(),
        }
    }

    fn make(&mut self, feed: &Feed, interval: Duration) -> String {
        let mut registry = Registry::with_prefix("honeyxdp");
        registry.register(
            "build",
            "What runs",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION")), ("revision", REVISION)]),
        );
        number(&mut registry, "interval_seconds", "Time between two drains", interval.as_secs_f64());
        if let Some(document) = &feed.newest {
            self.ports.update(&document.reading.snapshot);
            if let Some(payloads) = &document.reading.snapshot.payloads {
                self.payloads.update(payloads);
            }
            self.snapshot(&mut registry, feed, document);
        }
        let mut text = String::new();
        text::encode(&mut text, &registry).expect("a string takes all");
        text
    }

    fn snapshot(&self, registry: &mut Registry, feed: &Feed, document: &Document) {
        let snapshot = &document.reading.snapshot;
        let took = document.reading.took.as_secs_f64();
        number(registry, "drain_duration_seconds", "How long the last drain took, until it was stored", took);
        let last = seconds(snapshot.generated_at);
        number(registry, "last_drain_timestamp_seconds", "When the last drain that was stored read the counters", last);
        let start = seconds(snapshot.started_at);
        number(registry, "start_timestamp_seconds", "Since when the counters count", start);

        let attached = Labelled::<Attached, Gauge>::default();
        registry.register("attached", "Whether the program is attached to an interface", attached.clone());
        let frames = Labelled::<Frames, Counter>::default();
        registry.register("frames", "Frames by what became of them", frames.clone());
        let syns = Labelled::<Syns, Counter>::default();
        registry.register("syn", "SYNs by family", syns.clone());
        for interface in &snapshot.interfaces {
            let mode = match interface.mode {
                ModeReport::Native => "native",
                ModeReport::Generic => "generic",
            };
            let name = &interface.name;
            attached.get_or_create(&Attached { interface: name.clone(), mode }).set(1);
            for (disposition, count) in &interface.frames {
                let labels = Frames { interface: name.clone(), disposition: disposition.clone() };
                frames.get_or_create(&labels).inc_by(*count);
            }
            for family in &interface.families {
                let labels = Syns { interface: name.clone(), family: family.name.clone() };
                syns.get_or_create(&labels).inc_by(family.packets);
            }
        }
        for name in &feed.missing {
            attached.get_or_create(&Attached { interface: name.clone(), mode: "none" }).set(0);
        }
        counter(registry, "frame_bytes", "Bytes of all frames, without the check sequence", snapshot.frames.bytes);
        let filtered = Labelled::<Filtered, Counter>::default();
        registry.register("filtered_syn", "SYNs that a filter took out", filtered.clone());
        for (reason, count) in &snapshot.frames.filtered {
            filtered.get_or_create(&Filtered { reason: reason.clone() }).inc_by(*count);
        }

        let ports = Labelled::<Port, Counter>::default();
        registry.register("port_syn", "SYNs by family to the most frequent ports, and to all others", ports.clone());
        self.ports.each(|family, port, count| {
            ports.get_or_create(&Port { family: family.to_owned(), port }).inc_by(count);
        });
        sources(registry, snapshot);
        records(registry, snapshot);
        if let Some(payloads) = &snapshot.payloads {
            self.payloads.register(registry, payloads);
        }
    }
}

/// Different sources by family, in every window.
fn sources(registry: &mut Registry, snapshot: &Snapshot) {
    let unique = Labelled::<Sources, Gauge>::default();
    let help = "Different source addresses; the estimate where the number is not exact";
    registry.register("unique_sources", help, unique.clone());
    let exact = Labelled::<Sources, Gauge>::default();
    registry.register("unique_sources_exact", "Whether unique_sources is exact", exact.clone());
    let put = |family: &str, window: &'static str, sources: &UniqueSources| {
        let labels = Sources { family: family.to_owned(), window };
        let number = if sources.exact { sources.value } else { sources.estimate.max(sources.value) };
        unique.get_or_create(&labels).set(i64::try_from(number).unwrap_or(i64::MAX));
        exact.get_or_create(&labels).set(i64::from(sources.exact));
    };
    for (window, families) in [("run", &snapshot.families), ("interval", &snapshot.interval.families)] {
        for report in families {
            put(&report.name, window, &report.unique_sources);
        }
    }
    let windows = &snapshot.windows;
    let none = UniqueSources { value: 0, exact: true, estimate: 0 };
    let all = [
        ("hour", Some(&windows.hour)),
        ("day", Some(&windows.day)),
        ("last_hour", windows.last_hour.as_ref()),
        ("last_day", windows.last_day.as_ref()),
    ];
    for (window, report) in all {
        let Some(report) = report else { continue };
        // The snapshot leaves out who was not seen; a series that comes and goes is hard to query.
        for family in &snapshot.families {
            put(&family.name, window, report.family(&family.name).unwrap_or(&none));
        }
    }
}

fn records(registry: &mut Registry, snapshot: &Snapshot) {
    let records = &snapshot.records;
    counter(registry, "records", "Flow records handed to user space", records.emitted);
    counter(registry, "records_lost", "Flow records dropped because the ring was full", records.lost);
    counter(registry, "records_lost_syn", "SYNs in lost flow records", records.lost_packets);
    let memory = &snapshot.memory;
    let bytes = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
    for (name, help, value) in [
        ("source_memory_bytes", "What sets of sources take, about", memory.sets),
        ("source_memory_limit_bytes", "What sets of sources and pair tests may take", memory.limit),
    ] {
        let gauge = Gauge::<i64>::default();
        gauge.set(bytes(value));
        registry.register(name, help, gauge);
    }
    counter(registry, "source_sets_evicted", "Sets of sources given up for want of memory", memory.sets_evicted);
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter = Counter::<u64>::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn number(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Float::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

/// Since the epoch.
fn seconds(time: jiff::Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attached {
    interface: String,
    mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Frames {
    interface: String,
    disposition: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Filtered {
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Syns {
    interface: String,
    family: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Port {
    family: String,
    port: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sources {
    family: String,
    window: &'static str,
}

/// Which ports have a series, and what the series say.
///
/// A counter may not go down, so `other` cannot be what is left over at each moment: it would fall whenever a port comes
/// to have a series. Every SYN is counted once, in the series that its port had when it came.
#[derive(Debug, Default)]
struct Ports {
    /// Of each port with a series, by family: what the snapshot said last, and what the series says.
    named: BTreeMap<u16, BTreeMap<String, (u64, u64)>>,
    /// The same of all ports together, by family; the series is that of `other`.
    all: BTreeMap<String, (u64, u64)>,
}

impl Ports {
    fn update(&mut self, snapshot: &Snapshot) {
        let ranked = || snapshot.ports.iter().map(|report| report.port);
        self.named.retain(|&port, _| ranked().take(PORTS_KEPT).any(|kept| kept == port));
        let first = self.all.is_empty();
        for port in ranked().take(PORTS) {
            self.named.entry(port).or_insert_with(|| match first {
                true => BTreeMap::new(),
                // What came until now is in `other` already.
                false => counts(snapshot, port).map(|(family, count)| (family.to_owned(), (count, 0))).collect(),
            });
        }
        let mut named: BTreeMap<&str, u64> = BTreeMap::new();
        for (&port, series) in &mut self.named {
            for (family, count) in counts(snapshot, port) {
                let (last, value) = series.entry(family.to_owned()).or_default();
                let new = count.saturating_sub(*last);
                *named.entry(family).or_default() += new;
                *value += new;
                *last = count;
            }
        }
        for report in &snapshot.families {
            let (last, value) = self.all.entry(report.name.clone()).or_default();
            let new = report.packets.saturating_sub(*last);
            *value += new.saturating_sub(named.get(report.name.as_str()).copied().unwrap_or(0));
            *last = report.packets;
        }
    }

    fn each(&self, mut series: impl FnMut(&str, String, u64)) {
        for (port, families) in &self.named {
            families.iter().for_each(|(family, (_, value))| series(family, port.to_string(), *value));
        }
        self.all.iter().for_each(|(family, (_, value))| series(family, "other".to_owned(), *value));
    }
}

fn counts(snapshot: &Snapshot, port: u16) -> impl Iterator<Item = (&str, u64)> {
    let families = snapshot.port(port).into_iter().flat_map(|report| &report.families);
    families.map(|family| (family.name.as_str(), family.packets))
}

/// OpenMetrics as Prometheus' older text: there the name of a counter has `_total` in its head too, and there is no end mark.
fn older(text: &str) -> String {
    let mut older = String::with_capacity(text.len() + 1024);
    let mut counter = false;
    let mut help: Option<(&str, &str)> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            counter = kind == "counter";
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            let kind = if kind == "info" { "gauge" } else { kind };
            if let Some((_, help)) = help.take() {
                let _ = writeln!(older, "# HELP {name}{suffix} {help}");
            }
            let _ = writeln!(older, "# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            debug_assert!(!counter || line.contains("_total"), "{line}");
            older.push_str(line);
            older.push('\n');
        }
    }
    older
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{FamilyPackets, PortReport};

    fn snapshot(ports: &[(u16, u64)]) -> Snapshot {
        use crate::{
            Counts,
            snapshot::{PortLimit, Recorder, Run, Sensor, Span},
            sources::{Settings, SourceTracker},
        };
        let now = jiff::Timestamp::UNIX_EPOCH;
        let run = Run {
            sensor: Sensor::of_this_machine(None, None),
            interfaces: Vec::new(),
            started_at: now,
            filters: BTreeMap::new(),
            ports: PortLimit::default(),
        };
        let span = Span { start: now, end: now, length: Duration::ZERO };
        let mut snapshot =
            Recorder::new(run, 0).snapshot(&Counts::default(), &SourceTracker::new(&Settings::default(), now), span);
        for &(port, packets) in ports {
            let families = vec![FamilyPackets { name: "mirai".to_owned(), packets }];
            snapshot.ports.push(PortReport { port, packets, families, unique_sources: None });
            snapshot.families.iter_mut().find(|family| family.name == "mirai").unwrap().packets += packets;
        }
        snapshot.ports.sort_by_key(|report| std::cmp::Reverse(report.packets));
        snapshot
    }

    fn series(ports: &Ports) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        ports.each(|family, port, count| {
            if family == "mirai" {
                all.insert(port, count);
            }
        });
        all
    }

    #[test]
    fn no_series_of_a_port_goes_down_and_every_syn_is_in_one() {
        let mut ports = Ports::default();
        let many: Vec<(u16, u64)> = (1..=100).map(|port| (port, 1_000 - u64::from(port))).collect();
        ports.update(&snapshot(&many));
        let first = series(&ports);
        assert_eq!(first.len(), PORTS + 1);
        assert_eq!(first["1"], 999);
        assert_eq!(first.values().sum::<u64>(), many.iter().map(|(_, packets)| packets).sum::<u64>());

        // Port 100 rises to the top: its series begins, and `other` keeps what it had.
        let mut risen = many.clone();
        risen[99].1 = 5_000;
        ports.update(&snapshot(&risen));
        let second = series(&ports);
        assert_eq!((second["100"], second["other"]), (0, first["other"] + 4_100));
        risen[99].1 = 5_007;
        ports.update(&snapshot(&risen));
        let third = series(&ports);
        assert_eq!((third["100"], third["other"]), (7, second["other"]));
        assert_eq!(third.values().sum::<u64>(), risen.iter().map(|(_, packets)| packets).sum::<u64>());
    }

    #[test]
    fn the_number_of_series_is_bounded() {
        let mut ports = Ports::default();
        for round in 0..50_u16 {
            let many: Vec<(u16, u64)> =
                (0..100).map(|port| (round * 100 + port, 1_000 * u64::from(round + 1) + u64::from(port))).collect();
            ports.update(&snapshot(&many));
            assert!(series(&ports).len() <= PORTS_KEPT + 1);
        }
    }
}
