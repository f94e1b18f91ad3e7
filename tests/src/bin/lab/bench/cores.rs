//! Whether CPUs disturb each other: the same program on one CPU, on two, on all, each with a generator of its own.

use std::{sync::Barrier, thread, time::Duration};

use anyhow::Context as _;
use honeyxdp::kernel::Options;
use lab::{cpu, generator::Generator};

use super::{
    Settings,
    packet::PATTERNS,
    subject::Subject,
    table::{Cell, Column, Summary, Table, column, number},
};

const COLUMNS: &[Column] = &[
    column("cpus", "CPUs", 0),
    column("ns", "ns", 0),
    column("min_ns", "min", 0),
    column("max_ns", "max", 0),
    column("over_empty_ns", "over empty", 0),
    column("to_one", "to one CPU", 2),
    column("syns_per_second", "SYN/s, all CPUs", 0),
    column("lost_records", "lost records", 0),
];

pub(crate) fn measure(settings: Settings) -> anyhow::Result<Vec<Table>> {
    let times = settings.of(1_000_000, 100_000);
    let cpus = cpu::allowed()?;
    let mut tables = Vec::new();
    for (key, title, pattern) in PATTERNS {
        let mut subjects = [
            Subject::design("empty program", "empty")?,
            Subject::design("LRU hash of sources, counters per port", "lru")?,
            Subject::honeyxdp("honeyxdp as it runs by default", &Options::default())?,
        ];
        let mut generators = Vec::new();
        for _ in &cpus {
            generators.push(Generator::new(pattern)?);
        }
        let title = format!(
            "A SYN on several CPUs at the same time: {title}; {} rounds of {times} SYNs on each CPU",
            settings.rounds()
        );
        let mut table = Table::new(format!("cores_{key}"), title, COLUMNS);
        // Cost over the empty program with one CPU, by subject.
        let mut one = vec![None; subjects.len()];
        for count in counts(cpus.len()) {
            let mut empty = 0.0;
            for (subject, one) in subjects.iter_mut().zip(&mut one) {
                let (mut costs, mut lost) = (Vec::new(), 0);
                for round in 0..=settings.rounds() {
                    let cost = together(subject, &mut generators[..count], &cpus, times)?;
                    if round > 0 {
                        costs.push(cost.ns);
                        lost += cost.lost;
                    }
                }
                let cost = Summary::of(costs);
                if empty == 0.0 {
                    empty = cost.median;
                }
                let over = cost.median - empty;
                let to_one = over / *one.get_or_insert(over);
                table.row(
                    subject.name,
                    [
                        (count as u64).into(),
                        cost.median.into(),
                        cost.least.into(),
                        cost.most.into(),
                        over.into(),
                        Some(to_one).filter(|ratio| ratio.is_finite()).into(),
                        Cell::from(1e9 / cost.median * number(count as u64)),
                        lost.into(),
                    ],
                );
            }
        }
        table.note("With all CPUs busy the reader of records has none to itself, and the time that it takes is in the numbers.");
        tables.push(table);
    }
    Ok(tables)
}

/// 1, 2, 4 and so on, and all.
fn counts(cpus: usize) -> Vec<usize> {
    let mut counts: Vec<usize> = (0..).map(|power| 1 << power).take_while(|&count| count < cpus).collect();
    counts.push(cpus);
    counts
}

/// Runs a generator on each of the last CPUs at the same time; returns the mean of their costs.
fn together(
    subject: &mut Subject,
    generators: &mut [Generator],
    cpus: &[usize],
    times: u32,
) -> anyhow::Result<super::subject::Cost> {
    for generator in &mut *generators {
        generator.hand_to(subject.fd()?)?;
    }
    let count = u32::try_from(generators.len())?;
    let (idle, busy) = cpus.split_at(cpus.len() - generators.len());
    let readers = if idle.is_empty() { busy } else { idle };
    subject.while_read(readers, || {
        let start = Barrier::new(generators.len());
        let start = &start;
        let sum = thread::scope(|scope| {
            let threads: Vec<_> = generators
                .iter_mut()
                .zip(busy)
                .map(|(generator, &cpu)| {
                    scope.spawn(move || {
                        let pinned = cpu::pin(&[cpu]);
                        start.wait();
                        pinned.and_then(|()| generator.repeat(times))
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .sum::<anyhow::Result<Duration>>()
        })?;
        Ok((u64::from(times) * u64::from(count), sum.checked_div(count).context("no CPU")?))
    })
}
