//! The cost of a SYN in the kernel, behind a generator that makes every one different.
//!
//! The programs take turns within each round, so that all of them meet the same moods of the machine.

use honeyxdp::kernel::Options;
use lab::{
    cpu,
    generator::{Generator, Pattern},
};

use super::{
    Settings,
    subject::{self, Cost, Subject},
    table::{Cell, Column, Summary, Table, column},
};

const COLUMNS: &[Column] = &[
    column("ns", "ns", 0),
    column("min_ns", "min", 0),
    column("max_ns", "max", 0),
    column("over_empty_ns", "over empty", 0),
    column("to_lru", "to LRU", 2),
    column("to_twin", "to C twin", 2),
    column("lost_records", "lost records", 0),
];

/// Names of the rows that others are compared with.
const EMPTY: &str = "empty program";
const LRU: &str = "LRU hash of sources, counters per port";
const TWINS: [(&str, &str); 3] = [
    ("honeyxdp, counters only", "the same in C, counters only"),
    ("honeyxdp as it runs by default", "the same in C by default"),
    ("honeyxdp with every filter", "the same in C with every filter"),
];

/// Flows of the two kinds that a design must stand.
pub(crate) const PATTERNS: [(&str, &str, Pattern); 2] = [
    ("flood", "a spoofed flood, 2^32 sources x 64 ports", Pattern::FLOOD),
    ("few", "few sources, 256 x 4 ports", Pattern::FEW),
];

pub(crate) fn measure(settings: Settings) -> anyhow::Result<Vec<Table>> {
    let frames = settings.of(200_000, 20_000);
    eprintln!("comparing the twin in C with the host ...");
    let twin = subject::twin(frames)?;
    let options = [subject::counters_only(), Options::default(), subject::everything()?];
    let mut subjects = vec![Subject::design(EMPTY, "empty")?, Subject::design(LRU, "lru")?];
    for ((ours, theirs), options) in TWINS.into_iter().zip(&options) {
        subjects.push(Subject::honeyxdp(ours, options)?);
        subjects.push(Subject::loaded(theirs, &twin, options)?);
    }
    let mut tables = Vec::new();
    for (key, title, pattern) in PATTERNS {
        let costs = in_turn(settings, &mut subjects, pattern)?;
        let mut table = table(&format!("packet_{key}"), title, settings, &subjects, &costs);
        table.note(format!(
            "Compared with the host before: {frames} random frames and all named ones, three sets of options, no difference."
        ));
        tables.push(table);
    }
    Ok(tables)
}

/// SYNs of one measurement: so many that it does not matter that every one begins with an empty flow cache.
pub(crate) const fn times(settings: Settings) -> u32 {
    if settings.quick { 100_000 } else { 2_000_000 }
}

/// Costs of each subject in each round; in each round all have their turn.
pub(crate) fn in_turn(
    settings: Settings,
    subjects: &mut [Subject],
    pattern: Pattern,
) -> anyhow::Result<Vec<Vec<Cost>>> {
    let cpus = cpu::allowed()?;
    // The last one: interrupts and other people's work mostly begin at the first.
    let (readers, mine) = cpus.split_at(cpus.len() - 1);
    let readers = if readers.is_empty() { mine } else { readers };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            cpu::pin(mine)?;
            let mut generator = Generator::new(pattern)?;
            let mut costs = vec![Vec::new(); subjects.len()];
            // One round that does not count: caches and the LRU hash fill up.
            for round in 0..=settings.rounds() {
                for (subject, costs) in subjects.iter_mut().zip(&mut costs) {
                    let cost = subject.measure(&mut generator, times(settings), readers)?;
                    if round > 0 {
                        costs.push(cost);
                    }
                }
            }
            Ok(costs)
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// What costs are over those of the empty program, and in proportion to others, round by round: so it does not matter if the
/// machine is slower in one round than in another.
pub(crate) fn over(costs: &[Cost], empty: &[Cost]) -> Vec<f64> {
    costs.iter().zip(empty).map(|(cost, empty)| cost.ns - empty.ns).collect()
}

fn table(key: &str, title: &str, settings: Settings, subjects: &[Subject], costs: &[Vec<Cost>]) -> Table {
    let find = |name: &str| subjects.iter().position(|subject| subject.name == name);
    let empty = &costs[0];
    let title = format!("A SYN in the kernel: {title}; {} rounds of {} SYNs", settings.rounds(), times(settings));
    let mut table = Table::new(key, title, COLUMNS);
    for (subject, mine) in subjects.iter().zip(costs) {
        let cost = Summary::of(mine.iter().map(|cost| cost.ns).collect());
        let ratio = |of: Option<usize>| {
            let of = of.filter(|_| subject.name != EMPTY)?;
            let pairs = over(mine, empty).into_iter().zip(over(&costs[of], empty));
            Some(Summary::of(pairs.map(|(mine, theirs)| mine / theirs).collect()).median)
        };
        let twin = TWINS.iter().find(|(ours, _)| *ours == subject.name).and_then(|(_, twin)| find(twin));
        let lost: u64 = mine.iter().map(|cost| cost.lost).sum();
        table.row(
            subject.name,
            [
                cost.median.into(),
                cost.least.into(),
                cost.most.into(),
                Summary::of(over(mine, empty)).median.into(),
                ratio(find(LRU)).into(),
                ratio(twin).into(),
                Cell::from(lost),
            ],
        );
    }
    let ignored = costs.iter().flatten().map(|cost| cost.ignored).max().unwrap_or(0);
    table.note("Ratios are of costs over the empty program, round by round; all are medians.");
    table.note(format!(
        "Every SYN was counted, but for those of ignored sources, at most {ignored} in a round, where every filter is on."
    ));
    table.note("Records were read every millisecond on another CPU.");
    table
}
