//! What was counted, held against what was sent. Every number that has to be equal is compared.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use honeyxdp::snapshot::{Snapshot, store};
use honeyxdp_archive::{Checked, check};
use honeyxdp_common::Disposition;
use jiff::Timestamp;

use super::{stage::Stage, traffic::Tally, visitors};

/// How long the archive may take for what is in a snapshot already.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the checks so far know.
#[derive(Default)]
pub(crate) struct Counted {
    started_at: Option<Timestamp>,
    /// Sequence and frames of the last check's snapshot.
    last: (u64, u64),
    /// What was not equal at the last check: it stays so, and is said once.
    said: Vec<(String, i128)>,
}

/// What one check found.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) sent: u64,
    pub(crate) counted: u64,
    /// SYNs that were counted, without those that filters took out.
    pub(crate) syns: u64,
    pub(crate) filtered: u64,
    /// Records that found no room; SYNs in them and in records that the dead had read.
    pub(crate) lost_records: u64,
    pub(crate) lost_packets: u64,
    pub(crate) archive: Checked,
    /// Numbers that were compared.
    pub(crate) compared: u32,
    pub(crate) differences: Vec<Difference>,
}

impl Comparison {
    /// What is not equal now, or by another number than at the check before.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|difference| difference.new)
    }
}

/// Numbers that are not equal.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    what: String,
    by: i128,
    /// A sentence.
    pub(crate) text: String,
    new: bool,
}

/// Numbers that have to be equal.
#[derive(Default)]
struct Pairs {
    compared: u32,
    differences: Vec<Difference>,
}

impl Pairs {
    fn equal(&mut self, what: &str, expected: u64, found: u64) {
        self.compared += 1;
        if expected != found {
            let by = i128::from(found) - i128::from(expected);
            self.wrong(what, by, format!("{what}: {found} instead of {expected} ({by:+})"));
        }
    }

    fn wrong(&mut self, what: &str, by: i128, text: String) {
        self.differences.push(Difference { what: what.to_owned(), by, text, new: true });
    }
}

impl Counted {
    /// Compares. The sender rests, nobody visits, and no filter but none is in force.
    pub(crate) fn compare(&mut self, stage: &Stage<'_>, sent: &Tally) -> anyhow::Result<Comparison> {
        let snapshot = stage.attributed()?;
        let mut pairs = Pairs::default();
        snapshot_of(&snapshot, sent, &mut pairs);
        pairs.equal("frames that the interface received", sent.frames + sent.flood_refused, stage.received()?);
        self.history(stage, &snapshot, &mut pairs)?;
        let started_at = *self.started_at.get_or_insert(snapshot.started_at);
        if snapshot.started_at != started_at {
            pairs.wrong("begin", 0, format!("the counts began anew at {}", snapshot.started_at));
        }
        if stage.sensor().is_ok() {
            let [metrics, http] = stage.veth().sensor.inside(|| {
                let http = visitors::snapshot()?.map(|snapshot| snapshot.frames.seen);
                anyhow::Ok([visitors::scrape()?, http])
            })??;
            pairs.equal("frames by /metrics", sent.frames, metrics.context("no metrics")?);
            pairs.equal("frames by /snapshot.json", sent.frames, http.context("no snapshot over HTTP")?);
        }
        let syns = of(&snapshot, Disposition::Syn);
        let archive = archive(stage, syns)?;
        pairs.equal("SYNs in the archive's accounts", syns, archive.syns);
        pairs.equal("SYNs in the archive's rows, and missing by its accounts", syns, archive.packets + archive.missing);
        for problem in archive.problems.iter().take(5) {
            pairs.wrong(problem, 0, format!("the archive: {problem}"));
        }

        let records = &snapshot.records;
        for difference in &mut pairs.differences {
            difference.new = !self.said.contains(&(difference.what.clone(), difference.by));
        }
        self.said = pairs.differences.iter().map(|difference| (difference.what.clone(), difference.by)).collect();
        Ok(Comparison {
            sent: sent.frames,
            counted: snapshot.frames.seen,
            syns,
            filtered: of(&snapshot, Disposition::Filtered),
            lost_records: records.lost,
            lost_packets: records.lost_packets,
            archive,
            compared: pairs.compared,
            differences: pairs.differences,
        })
    }

    /// The intervals since the last check: all there, one after the other, and their sum is what came. After a check that came
    /// so late that the first of them are not kept any more, nothing can be said.
    fn history(&mut self, stage: &Stage<'_>, newest: &Snapshot, pairs: &mut Pairs) -> anyhow::Result<()> {
        let (mut sum, mut at) = (0, self.last.0);
        if newest.sequence - at > u64::from(stage.history()) {
            self.last = (newest.sequence, newest.frames.seen);
            return Ok(());
        }
        while at < newest.sequence {
            at += 1;
            match store::entry(&stage.out(), at) {
                Ok(snapshot) => sum += snapshot.interval.frames.seen,
                Err(error) => pairs.wrong("history", at.into(), format!("{error:#}")),
            }
        }
        pairs.equal(
            "frames of the intervals since the last check",
            newest.frames.seen.saturating_sub(self.last.1),
            sum,
        );
        self.last = (newest.sequence, newest.frames.seen);
        Ok(())
    }
}

fn of(snapshot: &Snapshot, disposition: Disposition) -> u64 {
    snapshot.frames.dispositions.get(disposition.name()).copied().unwrap_or(0)
}

/// A snapshot against what was sent, and against itself.
fn snapshot_of(snapshot: &Snapshot, sent: &Tally, pairs: &mut Pairs) {
    pairs.equal("frames", sent.frames, snapshot.frames.seen);
    pairs.equal("bytes", sent.bytes, snapshot.frames.bytes);
    let (syns, filtered) = (of(snapshot, Disposition::Syn), of(snapshot, Disposition::Filtered));
    pairs.equal("SYNs, counted and filtered", sent.dispositions[Disposition::Syn as usize], syns + filtered);
    for disposition in Disposition::ALL {
        if !matches!(disposition, Disposition::Syn | Disposition::Filtered) {
            let sent = sent.dispositions[disposition as usize];
            pairs.equal(disposition.name(), sent, of(snapshot, disposition));
        }
    }
    pairs.equal("SYNs by family", syns, snapshot.families.iter().map(|family| family.packets).sum());
    pairs.equal("SYNs by port", syns, snapshot.port_packets());
    pairs.equal("filtered by reason", filtered, snapshot.frames.filtered.values().sum());
    let records = &snapshot.records;
    let all = records.packets + records.lost_packets + records.sampled_out_packets;
    pairs.equal("SYNs in records, lost and sampled_out", syns, all);
}

/// Checks the archive, as soon as it has all SYNs, or in the end as it is.
fn archive(stage: &Stage<'_>, syns: u64) -> anyhow::Result<Checked> {
    let (archive, start) = (stage.archive(), Instant::now());
    loop {
        let found = check(&archive);
        match found {
            Ok(checked) if checked.syns == syns && checked.problems.is_empty() => return Ok(checked),
            // The sensor is writing, or merging files.
            _ if start.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(100)),
            found => return found.context("the archive cannot be checked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pairs;

    #[test]
    fn a_difference_says_what_and_by_how_much() {
        let mut pairs = Pairs::default();
        pairs.equal("frames", 10, 10);
        pairs.equal("frames", 10, 9);
        pairs.equal("bytes", 10, 12);
        assert_eq!(pairs.compared, 3);
        let texts: Vec<&str> = pairs.differences.iter().map(|difference| difference.text.as_str()).collect();
        assert_eq!(texts, ["frames: 9 instead of 10 (-1)", "bytes: 12 instead of 10 (+2)"]);
    }
}
