//! What libFuzzer says of a run.

use std::path::PathBuf;

/// Figures of a run, as far as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Inputs that were tried.
    pub(super) inputs: u64,
    /// Edges of the program that were reached.
    pub(super) edges: u64,
    /// Edges, and how often, and comparisons: what libFuzzer goes by.
    pub(super) features: u64,
    /// Inputs that each reached something new.
    pub(super) kept: u64,
    /// Most memory of the process, MiB.
    pub(super) memory: u64,
    /// The input that it failed on.
    pub(super) failed: Option<PathBuf>,
}

impl Outcome {
    /// Takes a line that libFuzzer printed.
    pub(super) fn line(&mut self, line: &str) {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        if let Some(inputs) = line.strip_prefix("stat::number_of_executed_units:").and_then(number) {
            self.inputs = inputs;
        } else if let Some(memory) = line.strip_prefix("stat::peak_rss_mb:").and_then(number) {
            self.memory = memory;
        } else if let Some((_, file)) = line.split_once("Test unit written to ") {
            self.failed = Some(file.trim().into());
        } else if line.starts_with('#') && line.contains(" cov: ") {
            // #131072 pulse  cov: 512 ft: 1711 corp: 301/25Kb lim: 4096 exec/s: 43690 rss: 61Mb
            let words: Vec<&str> = line.split_whitespace().collect();
            let after = |name: &str| words.windows(2).find(|two| two[0] == name).map(|two| two[1]);
            self.edges = after("cov:").and_then(number).unwrap_or(self.edges);
            self.features = after("ft:").and_then(number).unwrap_or(self.features);
            self.kept = after("corp:").and_then(|kept| number(kept.split('/').next()?)).unwrap_or(self.kept);
            self.inputs = number(words[0].trim_start_matches('#')).unwrap_or(self.inputs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_what_is_printed() {
        let mut outcome = Outcome::default();
        for line in [
            "INFO: Running with entropic power schedule (0xFF, 100).",
            "#131072\tpulse  cov: 512 ft: 1711 corp: 301/25Kb lim: 4096 exec/s: 43690 rss: 61Mb",
            "#262144\tDONE   cov: 513 ft: 1720 corp: 305/26Kb lim: 4096 exec/s: 43690 rss: 62Mb",
            "stat::number_of_executed_units: 262145",
            "stat::peak_rss_mb:              63",
        ] {
            outcome.line(line);
        }
        let expected = Outcome { inputs: 262_145, edges: 513, features: 1720, kept: 305, memory: 63, failed: None };
        assert_eq!(outcome, expected);
        outcome.line("artifact_prefix='x/'; Test unit written to x/crash-0a");
        assert_eq!(outcome.failed, Some("x/crash-0a".into()));
    }
}
