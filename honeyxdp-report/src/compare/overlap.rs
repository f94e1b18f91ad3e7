//! Addresses of lists among the sources of an archive.
//!
//! Days come one after the other, so the sources of one bucket of time are held at a time, and those of all time.

use std::{collections::BTreeMap, path::Path};

use jiff::civil::Date;

use super::{
    result::{Bucket, Overlap, Seen},
    tally::Counted,
};
use crate::{
    flows::{self, Archive, Columns, Families, Source},
    period::Step,
    sources::Sources,
    view::share,
};

/// The key of all families together.
const ALL: &str = "all";

/// Lays lists over an archive, and notes in each list how many of its addresses were seen.
///
/// # Errors
///
/// Where a file of the archive cannot be read.
pub(super) fn overlap(
    archive: &Archive,
    listed: &Sources,
    lists: &mut [Counted],
    step: Step,
) -> anyhow::Result<Overlap> {
    let mut families = Families::default();
    let (mut files, mut rows) = (0, 0);
    let mut ever: Vec<Sources> = Vec::new();
    let mut periods = Vec::new();
    let mut now: Vec<Sources> = Vec::new();
    let mut start: Option<Date> = None;
    for day in &archive.days {
        let begins = step.start(day.date);
        if start.is_some_and(|start| start != begins) {
            periods.extend(close(start, &mut now, &mut ever, &families, listed));
        }
        start = Some(begins);
        for file in &day.files {
            rows += read(file, &mut families, &mut now)?;
            files += 1;
        }
    }
    periods.extend(close(start, &mut now, &mut ever, &families, listed));
    let all = union(&ever);
    for list in lists {
        list.report.seen_addresses = Some(list.addresses.in_both(&all));
    }
    Ok(Overlap { period: archive.period(), files, rows, families: seen(&ever, &all, &families, listed), step, periods })
}

/// Adds the sources of a file to those of their families, and returns how many rows it has.
fn read(file: &Path, families: &mut Families, sources: &mut Vec<Sources>) -> anyhow::Result<u64> {
    let mut rows = 0;
    flows::read(
        file,
        Columns::default(),
        families,
        |_| true,
        |batch, families| {
            sources.resize_with(families.names().len(), Sources::default);
            rows += batch.rows() as u64;
            for row in 0..batch.rows() {
                let sources = &mut sources[batch.family(row)];
                match batch.source(row) {
                    Some(Source::V4(address)) => sources.insert_v4(address),
                    Some(Source::V6(address)) => sources.insert_v6(address),
                    None => {}
                }
            }
            Ok(())
        },
    )?;
    Ok(rows)
}

/// Ends a bucket: what it says, and its sources added to those of all time.
fn close(
    start: Option<Date>,
    now: &mut Vec<Sources>,
    ever: &mut Vec<Sources>,
    families: &Families,
    listed: &Sources,
) -> Option<Bucket> {
    let start = start?;
    now.iter_mut().for_each(Sources::settle);
    let bucket = Bucket { start, families: seen(now, &union(now), families, listed) };
    ever.resize_with(now.len().max(ever.len()), Sources::default);
    for (ever, now) in ever.iter_mut().zip(now.drain(..)) {
        ever.union(&now);
    }
    Some(bucket)
}

fn union(sources: &[Sources]) -> Sources {
    let mut all = Sources::default();
    sources.iter().for_each(|sources| all.union(sources));
    all
}

/// What is told of each family that has sources, and of all.
fn seen(sources: &[Sources], all: &Sources, families: &Families, listed: &Sources) -> BTreeMap<String, Seen> {
    let seen = |sources: &Sources| {
        let in_lists = sources.in_both(listed);
        Seen {
            sources: sources.len(),
            in_lists,
            share_of_lists: share(in_lists, listed.len()),
            share_of_sources: share(in_lists, sources.len()),
            exact: sources.is_exact() && listed.is_exact(),
        }
    };
    let named = families.names().iter().zip(sources).filter(|(_, sources)| !sources.is_empty());
    let mut told: BTreeMap<String, Seen> = named.map(|(name, sources)| (name.clone(), seen(sources))).collect();
    told.insert(ALL.to_owned(), seen(all));
    told
}
