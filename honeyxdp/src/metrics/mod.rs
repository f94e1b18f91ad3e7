//! Prometheus metrics of a snapshot. docs/operate/http-and-metrics.md lists them; names and labels are a contract, and no
//! address is a label.

mod payloads;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family as Labelled, gauge::Gauge, info::Info},
    registry::Registry,
};

use crate::snapshot::{ModeReport, REVISION, Snapshot, UniqueSources};

/// Number of ports with a series of their own: the most frequent.
const PORTS: usize = 20;
/// A port keeps its series while it is among so many.
const PORTS_KEPT: usize = 40;

type Float = Gauge<f64, AtomicU64>;

/// Exposition formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// <https://prometheus.io/docs/specs/om/open_metrics_spec/>
    OpenMetrics,
    /// Prometheus text format 0.0.4, for `promtool check metrics` and older scrapers.
    Text,
}

impl Format {
    /// Format by an Accept header: OpenMetrics if it is named, as in other exporters.
    pub(crate) fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What the metrics show.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// The newest stored snapshot, and how long its drain took.
    pub(crate) newest: Option<(Arc<Snapshot>, Duration)>,
    /// Interfaces that the program is attached to.
    pub(crate) attached: BTreeSet<String>,
    /// Interfaces that it should be attached to and is not.
    pub(crate) missing: BTreeSet<String>,
    /// Time between two snapshots.
    pub(crate) interval: Duration,
}

impl Input {
    /// Whether both give the same text.
    fn is(&self, other: &Self) -> bool {
        let same = match (&self.newest, &other.newest) {
            (Some((one, _)), Some((other, _))) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        same && self.attached == other.attached && self.missing == other.missing
    }
}

/// Renders the text. It keeps the series of ports and payloads, which must not decrease.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    ports: Ports,
    payloads: payloads::Series,
    /// The last text in OpenMetrics, and its input.
    made: Option<(Input, String)>,
}

impl Metrics {
    /// The text for an input. It is rendered once for each input.
    pub(crate) fn text(&mut self, input: &Input, format: Format) -> String {
        let text = match self.made.take() {
            Some((made, text)) if made.is(input) => text,
            _ => self.render(input),
        };
        let answer = match format {
            Format::OpenMetrics => text.clone(),
            Format::Text => older(&text),
        };
        self.made = Some((input.clone(), text));
        answer
    }

    fn render(&mut self, input: &Input) -> String {
        let mut registry = Registry::with_prefix("honeyxdp");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION")), ("revision", REVISION)]);
        registry.register("build", "Version and git revision", build);
        number(&mut registry, "interval_seconds", "Time between two drains", input.interval.as_secs_f64());
        if let Some((snapshot, took)) = &input.newest {
            self.ports.update(snapshot);
            if let Some(payloads) = &snapshot.payloads {
                self.payloads.update(payloads);
            }
            self.snapshot(&mut registry, input, snapshot, *took);
        }
        let mut text = String::new();
        text::encode(&mut text, &registry).expect("writing to a string cannot fail");
        text
    }

    fn snapshot(&self, registry: &mut Registry, input: &Input, snapshot: &Snapshot, took: Duration) {
        let took = took.as_secs_f64();
        number(registry, "drain_duration_seconds", "Duration of the last drain, storing included", took);
        let last = seconds(snapshot.generated_at);
        number(registry, "last_drain_timestamp_seconds", "Time of the last stored reading of the counters", last);
        let start = seconds(snapshot.started_at);
        number(registry, "start_timestamp_seconds", "Start of the cumulative counters", start);

        let attached = Labelled::<Attached, Gauge>::default();
        registry.register("attached", "Whether the program is attached to an interface", attached.clone());
        let frames = Labelled::<Frames, Counter>::default();
        registry.register("frames", "Frames by disposition", frames.clone());
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
        for name in &input.missing {
            attached.get_or_create(&Attached { interface: name.clone(), mode: "none" }).set(0);
        }
        counter(registry, "frame_bytes", "Bytes of all frames, without the check sequence", snapshot.frames.bytes);
        let filtered = Labelled::<Filtered, Counter>::default();
        registry.register("filtered_syn", "SYNs that a filter removed", filtered.clone());
        for (reason, count) in &snapshot.frames.filtered {
            filtered.get_or_create(&Filtered { reason: reason.clone() }).inc_by(*count);
        }

        let ports = Labelled::<Port, Counter>::default();
        registry.register(
            "port_syn",
            "SYNs by family to the most frequent ports, and to all others as port other",
            ports.clone(),
        );
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

/// Unique sources by family, in every window.
fn sources(registry: &mut Registry, snapshot: &Snapshot) {
    let unique = Labelled::<Sources, Gauge>::default();
    let help = "Unique source addresses; the estimate where the number is not exact";
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
        // The snapshot omits families without sources; a series that comes and goes is hard to query.
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
        ("source_memory_bytes", "Approximate size of the sets of sources", memory.sets),
        ("source_memory_limit_bytes", "Memory limit of sets of sources and multi-packet fingerprints", memory.limit),
    ] {
        let gauge = Gauge::<i64>::default();
        gauge.set(bytes(value));
        registry.register(name, help, gauge);
    }
    counter(registry, "source_sets_evicted", "Sets of sources evicted for lack of memory", memory.sets_evicted);
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

/// Seconds since the Unix epoch.
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

/// Series of ports.
///
/// A counter must not decrease, so `other` cannot be the rest at each moment: it would fall whenever a port gets a series.
/// Each SYN is counted once, in the series that its port had when the SYN arrived.
#[derive(Debug, Default)]
struct Ports {
    /// For each port with a series, by family: the last count in a snapshot, and the value of the series.
    named: BTreeMap<u16, BTreeMap<String, (u64, u64)>>,
    /// The same for all ports together, by family; the series is that of `other`.
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
                // Earlier SYNs are in `other` already.
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

/// OpenMetrics as Prometheus' older text format: its counters have `_total` in HELP and TYPE too, and it has no EOF line.
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
    fn port_series_never_decrease_and_hold_every_syn() {
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
