//! `cargo xtask fuzz TARGET`: one target of cargo-fuzz.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::{
    outcome::Outcome,
    program::{build, directory, seeds},
};
use crate::command::{run, say, shown};

/// An input that takes longer, in seconds, is a fault.
const LONGEST: u64 = 10;
/// So is a process that takes more, in MiB.
const MOST: u64 = 1_024;

/// How long, and from where.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run for so many seconds
    #[arg(long, value_name = "N", default_value_t = 60, conflicts_with = "runs")]
    seconds: u64,
    /// Run so many inputs instead
    #[arg(long, value_name = "N")]
    runs: Option<u64>,
    /// Seed: with the same seeds and runs, and no corpus, the same inputs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
    /// Directory with inputs that earlier runs kept; new ones are added. Without it a run begins with the named seeds alone
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Run this input alone, to see a fault again
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "runs", "corpus"])]
    input: Option<PathBuf>,
}

pub(crate) fn main(name: &str, args: &Args) -> Result<()> {
    let programs = build(&[name])?;
    if let Some(input) = &args.input {
        return run(Command::new(programs.join(name)).arg(input));
    }
    let limit = args.runs.map_or(Limit::Seconds(args.seconds), Limit::Runs);
    let corpus = args.corpus.as_deref().map(std::path::absolute).transpose()?;
    let outcome = fuzz(&programs, name, limit, args.seed, corpus.as_deref(), &mut |line| eprintln!("{line}"))?;
    say(format!(
        "{name}: {} inputs, {} edges, {} features, {} inputs kept, {} MiB",
        outcome.inputs, outcome.edges, outcome.features, outcome.kept, outcome.memory
    ));
    outcome.failed.map_or(Ok(()), |input| bail!("{}", advice(name, &input)))
}

/// When a run ends.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    Seconds(u64),
    Runs(u64),
}

/// What to do with an input that a target failed on.
pub(super) fn advice(name: &str, input: &Path) -> String {
    let input = input.display();
    format!(
        "{name} failed on {input}: see it again with `cargo xtask fuzz {name} --input {input}`, mend it, and keep the input in \
         fuzz/seeds/{name} under a name that says what it is."
    )
}

/// Runs the program of a target from its named seeds, and gives `each` the lines that it prints.
///
/// # Errors
/// When it cannot be run. An input that it failed on is in the outcome.
pub(super) fn fuzz(
    programs: &Path,
    name: &str,
    limit: Limit,
    seed: u32,
    corpus: Option<&Path>,
    each: &mut dyn FnMut(&str),
) -> Result<Outcome> {
    let seeds = seeds(name)?;
    let empty = tempfile::tempdir().context("There is no room for what a run keeps.")?;
    let corpus = corpus.unwrap_or(empty.path());
    let found = directory().join("found").join(name);
    fs::create_dir_all(corpus)?;
    fs::create_dir_all(&found)?;
    let mut program = Command::new(programs.join(name));
    program.arg(match limit {
        Limit::Seconds(seconds) => format!("-max_total_time={seconds}"),
        Limit::Runs(runs) => format!("-runs={runs}"),
    });
    program.arg(format!("-seed={seed}")).arg(format!("-timeout={LONGEST}")).arg(format!("-rss_limit_mb={MOST}"));
    program.arg("-print_final_stats=1").arg(format!("-artifact_prefix={}/", found.display()));
    program.arg(corpus).arg(seeds);
    say(shown(&program));
    let mut child =
        program.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().context("The target does not start.")?;
    let mut outcome = Outcome::default();
    let messages = BufReader::new(child.stderr.take().context("The target has no output.")?);
    for line in messages.split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        outcome.line(&line);
        each(&line);
    }
    let status = child.wait()?;
    if !status.success() && outcome.failed.is_none() {
        bail!("The target {name} failed ({status}) and kept no input; see its messages above.");
    }
    Ok(outcome)
}
