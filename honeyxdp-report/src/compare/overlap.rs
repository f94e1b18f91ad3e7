//! Addresses of lists among the sources of an archive.
//!
//! Days come one after the other, so the sources of one bucket of time are held at a time, and those of all time.

use std::{collections::BTreeMap, path::Path};

use jiff::civil::Date;

use super::{
    counter::CountedList,
    result::{FamilyOverlap, Overlap, OverlapBucket},
};
use crate::{
    address_set::AddressSet,
    flows::{self, FamilyIndex, FlowArchive, FlowColumns, SourceAddress},
    period::Step,
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
    archive: &FlowArchive,
    listed: &AddressSet,
    lists: &mut [CountedList],
    step: Step,
) -> anyhow::Result<Overlap> {
    let mut families = FamilyIndex::default();
    let (mut files, mut rows) = (0, 0);
    let mut ever: Vec<AddressSet> = Vec::new();
    let mut periods = Vec::new();
    let mut now: Vec<AddressSet> = Vec::new();
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
fn read(file: &Path, families: &mut FamilyIndex, sources: &mut Vec<AddressSet>) -> anyhow::Result<u64> {
    let mut rows = 0;
    flows::read(
        file,
        FlowColumns::default(),
        families,
        |_| true,
        |batch, families| {
            sources.resize_with(families.names().len(), AddressSet::default);
            rows += batch.rows() as u64;
            for row in 0..batch.rows() {
                let sources = &mut sources[batch.family(row)];
                match batch.source(row) {
                    Some(SourceAddress::V4(address)) => sources.insert_v4(address),
                    Some(SourceAddress::V6(address)) => sources.insert_v6(address),
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
    now: &mut Vec<AddressSet>,
    ever: &mut Vec<AddressSet>,
    families: &FamilyIndex,
    listed: &AddressSet,
) -> Option<OverlapBucket> {
    let start = start?;
    now.iter_mut().for_each(AddressSet::settle);
    let bucket = OverlapBucket { start, families: seen(now, &union(now), families, listed) };
    ever.resize_with(now.len().max(ever.len()), AddressSet::default);
    for (ever, now) in ever.iter_mut().zip(now.drain(..)) {
        ever.union(&now);
    }
    Some(bucket)
}

fn union(sources: &[AddressSet]) -> AddressSet {
    let mut all = AddressSet::default();
    sources.iter().for_each(|sources| all.union(sources));
    all
}

/// What is told of each family that has sources, and of all.
fn seen(
    sources: &[AddressSet],
    all: &AddressSet,
    families: &FamilyIndex,
    listed: &AddressSet,
) -> BTreeMap<String, FamilyOverlap> {
    let seen = |sources: &AddressSet| {
        let in_lists = sources.in_both(listed);
        FamilyOverlap {
            sources: sources.len(),
            in_lists,
            share_of_lists: share(in_lists, listed.len()),
            share_of_sources: share(in_lists, sources.len()),
            exact: sources.is_exact() && listed.is_exact(),
        }
    };
    let named = families.names().iter().zip(sources).filter(|(_, sources)| !sources.is_empty());
    let mut told: BTreeMap<String, FamilyOverlap> =
        named.map(|(name, sources)| (name.clone(), seen(sources))).collect();
    told.insert(ALL.to_owned(), seen(all));
    told
}
