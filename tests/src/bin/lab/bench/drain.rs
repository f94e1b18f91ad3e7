//! Reading everything that the kernel program left, and what a sensor takes of a CPU.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use aya::{TestRun as _, programs::TestRunOptions};
use honeyxdp::{
    collector::Collector,
    kernel::{Maps, Options, Program},
    sketch::Sketch,
    snapshot::{
        Recorder, Run, Sensor, Span,
        store::{History, Store},
    },
    sources::Settings as SourceSettings,
};
use honeyxdp_common::{
    Family,
    counters::{FAMILY_SLOTS, PORTS},
    dissect, fingerprints,
};
use jiff::Timestamp;
use lab::{
    batch::PerCpuArray,
    cpu, craft,
    generator::{Amount, Generator, Pattern},
    named,
    named::Expected,
    network::VethPair,
};

use super::{
    Settings,
    live::{self, share},
    packet::PATTERNS,
    table::{Cell, Column, Summary, Table, column, ms},
};

const COLUMNS: &[Column] = &[
    column("ms", "ms", 2),
    column("min_ms", "min", 2),
    column("max_ms", "max", 2),
    column("to_drain", "to a drain", 2),
];

const PROCESS: &[Column] = &[
    column("cpu_percent", "CPU of its process, %", 2),
    column("seconds", "seconds", 1),
    column("syns_per_second", "SYN/s", 0),
    column("lost_records", "lost records", 0),
];

/// SYNs on each CPU before a drain: its flow cache is full then, and records wait in its ring.
const SYNS: u32 = 50_000;

/// Places of the destination port in an Ethernet frame without tags and IP options.
const DPORT: std::ops::Range<usize> = 36..38;

pub(crate) fn measure(settings: Settings) -> anyhow::Result<Vec<Table>> {
    let mut tables = Vec::new();
    for (key, title, pattern) in PATTERNS {
        tables.push(drain(settings, &format!("drain_{key}"), title, pattern)?);
    }
    tables.push(process(settings)?);
    Ok(tables)
}

/// Steps of a drain, ms.
#[derive(Default)]
struct Steps {
    poll: Vec<f64>,
    cut: Vec<f64>,
    flows: Vec<f64>,
    sketches: Vec<f64>,
    counters: Vec<f64>,
    collect: Vec<f64>,
    snapshot: Vec<f64>,
    write: Vec<f64>,
    whole: Vec<f64>,
}

fn drain(settings: Settings, key: &str, title: &str, pattern: Pattern) -> anyhow::Result<Table> {
    // Cheap beside what comes before them.
    let rounds = settings.rounds() * 4;
    let directory = tempfile::tempdir()?;
    let mut steps = Steps::default();
    let cpus = {
        let mut kernel = Kernel::new(settings, pattern)?;
        let mut maps = kernel.maps.take().context("they are taken once")?;
        for round in 0..=rounds {
            kernel.feed()?;
            single_steps(&mut maps, &mut steps, round > 0)?;
        }
        maps.sizes().cpus
    };
    collected(settings, pattern, rounds, directory.path(), &mut steps)?;
    let size = directory.path().join("snapshot.json").metadata()?.len() >> 10;

    let entries = u32::try_from(PORTS)?;
    let array = PerCpuArray::<FAMILY_SLOTS>::new(entries, cpus).context("a per-CPU array")?;
    let mut sums = vec![[0; FAMILY_SLOTS]; PORTS];
    let batch = Summary::time(rounds, || Ok(array.read(4096, &mut sums)?))?;

    let title = format!(
        "A drain: {PORTS} ports x {FAMILY_SLOTS} families x {cpus} CPUs, all seen before, and {SYNS} SYNs on each CPU since the last \
         drain: {title}; {rounds} rounds"
    );
    let mut table = Table::new(key, title, COLUMNS);
    let collect = Summary::of(steps.collect);
    let mut row = |name: &str, summary: Summary| {
        let Summary { median, least, most } = summary;
        table.row(name, [median, least, most, median / collect.median].map(Cell::from));
    };
    row("between drains: take the records that wait in the rings", Summary::of(steps.poll));
    row("cut: switch the generation, and wait until nobody writes the old one", Summary::of(steps.cut));
    row("flows: empty caches, and look at each", Summary::of(steps.flows));
    row("sketches: all families", Summary::of(steps.sketches));
    row("counters: all ports and families", Summary::of(steps.counters));
    row("a drain: all of that, into sets of sources", collect);
    row("make the snapshot", Summary::of(steps.snapshot));
    row(&format!("write and sync: {size} KiB"), Summary::of(steps.write));
    row("all together", Summary::of(steps.whole));
    row("for comparison: the counters of ports by BPF_MAP_LOOKUP_BATCH from a per-CPU array", batch);
    table.note("The cut sleeps until the kernel's grace period is over, a tick of its clock or more; no CPU is taken for that.");
    Ok(table)
}

/// The program, having seen every port and family on every CPU.
struct Kernel {
    program: Program,
    maps: Option<Maps>,
    generator: Generator,
    cpus: Vec<usize>,
}

impl Kernel {
    fn new(settings: Settings, pattern: Pattern) -> anyhow::Result<Self> {
        let (mut program, maps) = Program::load(&Options::default())?;
        let mut generator = Generator::new(pattern)?;
        generator.hand_to(program.xdp().fd()?)?;
        let mut kernel = Self { program, maps: Some(maps), generator, cpus: cpu::allowed()? };
        kernel.fill(settings)?;
        Ok(kernel)
    }

    /// A SYN to every port in every family on every CPU, so that no page is the shared zero page.
    fn fill(&mut self, settings: Settings) -> anyhow::Result<()> {
        let mut frames = Vec::new();
        for &family in Family::ALL {
            frames.push((family, frame_of(family)?));
        }
        let Self { program, cpus, .. } = self;
        on_each(cpus, || {
            for (family, frame) in &mut frames {
                for port in (0..=u16::MAX).step_by(settings.of(1, 64)) {
                    if *family == Family::MASSCAN {
                        // Its mark depends on the port.
                        *frame = craft::masscan([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), port);
                    } else {
                        frame[DPORT].copy_from_slice(&port.to_be_bytes());
                    }
                    let options = TestRunOptions { data_in: Some(frame.as_slice()), ..TestRunOptions::default() };
                    program.xdp().test_run(options)?;
                }
            }
            Ok(())
        })
    }

    /// What comes in between two drains.
    fn feed(&mut self) -> anyhow::Result<()> {
        let Self { generator, cpus, .. } = self;
        on_each(cpus, || generator.repeat(SYNS).map(drop))
    }
}

/// Does something on every CPU, one after the other.
fn on_each(cpus: &[usize], mut work: impl FnMut() -> anyhow::Result<()> + Send) -> anyhow::Result<()> {
    for &cpu in cpus {
        thread::scope(|scope| {
            let thread = scope.spawn(|| cpu::pin(&[cpu]).and_then(|()| work()));
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
    }
    Ok(())
}

/// A frame of this family with its port where [`DPORT`] says, whatever the port is.
fn frame_of(family: Family) -> anyhow::Result<Vec<u8>> {
    let fits = |frame: &mut Vec<u8>| {
        frame.len() >= DPORT.end && frame[12..15] == [0x08, 0x00, 0x45] && {
            frame[DPORT].copy_from_slice(&[0, 1]);
            dissect(frame.as_slice()).is_ok_and(|syn| fingerprints::primary(fingerprints::matching(&syn)) == family)
        }
    };
    let frames = named::frames()
        .into_iter()
        .filter(|named| matches!(named.expected, Expected::Syn(found, _) if found == family));
    let mut frames = frames.map(|named| named.bytes);
    if family == Family::MASSCAN {
        return frames.next().context("no frame of masscan");
    }
    frames
        .find_map(|mut frame| fits(&mut frame).then_some(frame))
        .with_context(|| format!("no frame of {}", family.name()))
}

fn timed<T>(into: &mut Vec<f64>, keep: bool, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    if keep {
        into.push(ms(start.elapsed()));
    }
    result
}

fn single_steps(maps: &mut Maps, steps: &mut Steps, keep: bool) -> anyhow::Result<()> {
    let mut packets = 0;
    maps.records(None, |flow| packets += u64::from(flow.packets));
    let cut = timed(&mut steps.cut, keep, || maps.flip())?;
    timed(&mut steps.flows, keep, || maps.records(Some(&cut), |flow| packets += u64::from(flow.packets)));
    ensure!(packets > 0, "there are no flows");
    let mut sketches: Vec<_> = Family::ALL.iter().map(|_| Sketch::EMPTY).collect();
    timed(&mut steps.sketches, keep, || {
        Family::ALL.iter().zip(&mut sketches).for_each(|(&family, sketch)| maps.sketch(&cut, family, sketch));
    });
    timed(&mut steps.counters, keep, || maps.counts(&cut).syns());
    Ok(())
}

/// A sensor's way: collect, make the document, store it.
fn collected(
    settings: Settings,
    pattern: Pattern,
    rounds: u32,
    directory: &Path,
    steps: &mut Steps,
) -> anyhow::Result<()> {
    let mut kernel = Kernel::new(settings, pattern)?;
    let start = Timestamp::now();
    let maps = kernel.maps.take().context("they are taken once")?;
    let mut collector = Collector::new(maps, &SourceSettings::default(), start);
    let store = Store::open(directory, History::recent(1))?;
    let run = Run {
        sensor: Sensor::of_this_machine(None, None),
        interfaces: Vec::new(),
        started_at: start,
        filters: Default::default(),
        ports: Default::default(),
    };
    let mut recorder = Recorder::new(run, store.last_sequence());
    for round in 0..=rounds {
        kernel.feed()?;
        let keep = round > 0;
        // In a sensor that happens all the time.
        timed(&mut steps.poll, keep, || collector.poll());
        let begin = Instant::now();
        timed(&mut steps.collect, keep, || collector.collect(Timestamp::now()))?;
        let (counts, sources) = (collector.counts(), collector.sources());
        let span = Span { start, end: Timestamp::now(), length: Duration::from_secs(1) };
        let snapshot = timed(&mut steps.snapshot, keep, || recorder.snapshot(counts, sources, span));
        timed(&mut steps.write, keep, || store.write(&snapshot))?;
        recorder.stored(counts, sources.tally());
        collector.stored();
        if keep {
            steps.whole.push(ms(begin.elapsed()));
        }
    }
    let cpus = kernel.cpus.len();
    let expected =
        cpus * Family::ALL.len() * (PORTS / settings.of(1, 64)) + (rounds as usize + 1) * SYNS as usize * cpus;
    let syns = collector.counts().syns();
    ensure!(syns == expected as u64, "{syns} SYNs were counted, and {expected} were made");
    Ok(())
}

/// What the process takes that reads.
fn process(settings: Settings) -> anyhow::Result<Table> {
    const RATE: u32 = 1_000_000;
    let time = settings.time(20);
    let mut table = Table::new("drain_process", "What a sensor with --interval 1s takes of a CPU", PROCESS);
    let veth = VethPair::silent(1_500)?;
    let sensor = live::sensor(&veth, "--interval 1s")?;
    thread::sleep(Duration::from_secs(1));
    let before = cpu::used(sensor.pid())?;
    thread::sleep(time);
    let idle = share(cpu::used(sensor.pid())? - before, time);
    let lost = sensor.stop()?.records.lost;
    table.row("idle", [idle.into(), time.as_secs_f64().into(), 0_u64.into(), lost.into()]);
    for (name, pattern) in [
        ("100,000 sources in turn", Pattern::in_turn(100_000)),
        ("a spoofed flood", Pattern::FLOOD),
        ("256 sources at 4 ports", Pattern::FEW),
    ] {
        let outcome = live::run("--interval 1s", pattern, Amount::Time(time), Some(RATE))?;
        ensure!(outcome.all_counted(), "{name}: not every frame was counted");
        table.row(
            name,
            [
                outcome.cpu_share().into(),
                outcome.sent.time.as_secs_f64().into(),
                outcome.sent.rate().into(),
                outcome.snapshot.records.lost.into(),
            ],
        );
    }
    table.note("CPU time is known to a tick of the clock, 10 ms on most machines.");
    Ok(table)
}
