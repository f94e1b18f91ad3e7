//! What was in the frames, so that a reader sees that the comparison was of something.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use honeyxdp::Counts;
use honeyxdp_common::{Disposition, Family, FilterReason};

/// Sums over all batches.
#[derive(Default)]
pub(crate) struct Summary {
    batches: u64,
    frames: u64,
    dispositions: BTreeMap<&'static str, u64>,
    families: BTreeMap<&'static str, u64>,
    reasons: BTreeMap<&'static str, u64>,
    options: BTreeMap<&'static str, u64>,
}

impl Summary {
    /// Adds a batch, with its options in words.
    pub(crate) fn add(&mut self, counts: &Counts, words: &[&'static str]) {
        self.batches += 1;
        self.frames += counts.seen();
        for which in Disposition::ALL {
            *self.dispositions.entry(which.name()).or_default() += counts.disposition(which);
        }
        for &family in Family::ALL {
            *self.families.entry(family.name()).or_default() += counts.family(family);
        }
        for reason in FilterReason::ALL {
            *self.reasons.entry(reason.name()).or_default() += counts.filtered(reason);
        }
        for &word in words {
            *self.options.entry(word).or_default() += 1;
        }
    }

    /// All of it, in lines.
    pub(crate) fn text(&self, seed: u64, took: Duration) -> String {
        let seconds = took.as_secs_f64();
        let rate = self.frames as f64 / seconds;
        let mut text = format!(
            "frames: {} alike in {seconds:.0} s ({rate:.0} a second), {} batches, seed {seed}",
            self.frames, self.batches
        );
        for (title, sums) in [
            ("dispositions", &self.dispositions),
            ("families", &self.families),
            ("filtered by", &self.reasons),
            ("batches with", &self.options),
        ] {
            let sums: Vec<String> = sums.iter().map(|(name, sum)| format!("{name} {sum}")).collect();
            write!(text, "\n  {title}: {}", sums.join(", ")).expect("a string takes all");
        }
        text
    }
}
