//! Runs tests, each as a process of its own: several at a time, the longest of the last run first.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Read as _, Seek as _},
    num::NonZero,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{Built, KERNEL_TESTS, Test, inherited};
use crate::{
    command::{as_root, is_root, run, say, target},
    leftovers,
};

/// Tests with this in their path run alone, after all others: they measure time or speed, or fill the machine's CPUs or disk.
const ALONE: &[&str] = &[
    "kernel::load::",
    "kernel::soak::",
    "kernel::service::",
    "kernel::unit::",
    "kernel::filters::a_hundred_thousand_prefixes",
    "kernel::joint::",
    "kernel::analytics::",
    "report::memory::",
];

/// A test that takes longer hangs. Tests give up by themselves much earlier.
const LONGEST: Duration = Duration::from_secs(900);
/// Slowest tests that are named at the end.
const SLOWEST: usize = 20;
/// How often a running test is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// Whether sudo still knows the user is refreshed this often.
const REFRESH: Duration = Duration::from_secs(60);

/// What runs tests, and how.
pub(crate) struct Pool {
    tests: Vec<Test>,
    jobs: usize,
    variables: Vec<(String, String)>,
    /// Seconds of the last run, by path.
    times: BTreeMap<String, f64>,
}

/// A test that has run.
#[derive(Debug)]
struct Done {
    path: String,
    time: Duration,
    passed: bool,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    done: Vec<Done>,
    leftovers: Vec<String>,
}

impl Outcome {
    /// How many passed.
    pub(crate) fn passed(&self) -> usize {
        self.done.iter().filter(|done| done.passed).count()
    }

    /// Paths of those that failed.
    pub(crate) fn failed(&self) -> BTreeSet<&str> {
        self.done.iter().filter(|done| !done.passed).map(|done| done.path.as_str()).collect()
    }

    /// Returns a summary, or an error that names every test that failed.
    pub(crate) fn check(&self) -> Result<String> {
        let failed = self.failed();
        if !failed.is_empty() {
            let list: String = failed.iter().map(|path| format!("\n    {path}")).collect();
            bail!(
                "{} of {} tests failed; run one again with `cargo xtask test PATH`:{list}",
                failed.len(),
                self.done.len()
            );
        }
        ensure!(!self.done.is_empty(), "No test has such a path.");
        ensure!(self.leftovers.is_empty(), "Tests left network namespaces behind: {}.", self.leftovers.join(", "));
        let kernel = self.done.iter().filter(|done| done.path.starts_with(KERNEL_TESTS)).count();
        Ok(format!("{} passed, {kernel} of them kernel tests; none was skipped", self.passed()))
    }
}

impl Pool {
    /// Lists the tests.
    pub(crate) fn new(built: &Built) -> Result<Self> {
        let cpus = thread::available_parallelism().map_or(1, NonZero::get);
        let times =
            fs::read(times_file()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        // Most kernel tests wait most of the time.
        Ok(Self { tests: built.tests()?, jobs: 2 * cpus, variables: Vec::new(), times })
    }

    /// Sets how many tests run at a time.
    pub(crate) fn jobs(&mut self, jobs: Option<usize>) {
        self.jobs = jobs.unwrap_or(self.jobs);
    }

    /// Sets a variable of every test.
    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Runs the tests that are chosen.
    pub(crate) fn run(&mut self, is_chosen: impl Fn(&Test) -> bool) -> Result<Outcome> {
        let mut chosen: Vec<&Test> = self.tests.iter().filter(|test| is_chosen(test)).collect();
        // A new test comes first: it may be a long one.
        let time = |test: &Test| self.times.get(&test.path()).copied().unwrap_or(f64::MAX);
        chosen.sort_by(|a, b| time(b).total_cmp(&time(a)));
        let (alone, together): (Vec<&Test>, Vec<&Test>) =
            chosen.iter().partition(|test| ALONE.iter().any(|part| test.path().contains(part)));

        let needs_sudo = !is_root() && chosen.iter().any(|test| test.package == KERNEL_TESTS);
        if needs_sudo {
            say("kernel tests need root, so sudo may ask for your password");
            run(Command::new("sudo").arg("--validate"))?;
        }
        let run = Run { pool: self, all: chosen.len(), done: Mutex::default() };
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            if needs_sudo {
                scope.spawn(|| keep_sudo(&over));
            }
            run.side_by_side(&together, self.jobs);
            run.side_by_side(&alone, 1);
            over.store(true, Ordering::Relaxed);
        });
        let done = run.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        print_slowest(&done);
        for test in &done {
            self.times.insert(test.path.clone(), test.time.as_secs_f64());
        }
        // Only the order of the next run depends on it.
        let _ = fs::write(times_file(), serde_json::to_vec(&self.times)?);
        Ok(Outcome { done, leftovers: leftovers::list()? })
    }

    /// The command that runs one test.
    fn command(&self, test: &Test) -> Result<Command> {
        let names = inherited();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // Under nohup SIGHUP is ignored, and whoever is started inherits that.
        let mut command = if test.package == KERNEL_TESTS { as_root("env", &names)? } else { Command::new("env") };
        command.arg("--default-signal");
        // The query engine needs more than the 2 MiB of a thread where it is not optimized.
        command.arg("RUST_MIN_STACK=16777216");
        command.args(self.variables.iter().map(|(name, value)| format!("{name}={value}")));
        command.arg(format!("CARGO_MANIFEST_DIR={}", test.directory.display()));
        command.arg(format!("CARGO_PKG_NAME={}", test.package));
        command.arg(&test.executable).args(["--exact", &test.name, "--nocapture", "--test-threads=1"]);
        command.current_dir(&test.directory).stdin(Stdio::null());
        // A process group of its own, so that a hanging test goes with all that it started.
        command.process_group(0);
        Ok(command)
    }
}

/// A run in progress.
struct Run<'a> {
    pool: &'a Pool,
    all: usize,
    done: Mutex<Vec<Done>>,
}

impl Run<'_> {
    fn side_by_side(&self, tests: &[&Test], jobs: usize) {
        let next = Mutex::new(tests.iter());
        thread::scope(|scope| {
            for _ in 0..jobs.min(tests.len()) {
                scope.spawn(|| {
                    loop {
                        let test = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let Some(test) = test else { break };
                        self.one(test);
                    }
                });
            }
        });
    }

    fn one(&self, test: &Test) {
        let start = Instant::now();
        let (passed, printed) = match self.finish(test) {
            Ok(result) => result,
            Err(error) => (false, format!("{error:#}")),
        };
        let done = Done { path: test.path(), time: start.elapsed(), passed };
        // The lock keeps the lines of two tests apart as well.
        let mut all = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let word = if passed { "ok    " } else { "FAILED" };
        eprintln!("{:>5}/{} {word} {:>7.2} s  {}", all.len() + 1, self.all, done.time.as_secs_f64(), done.path);
        if !passed {
            eprintln!("---- {}\n{}\n----", done.path, printed.trim_end());
        }
        all.push(done);
    }

    /// Runs a test to its end. Returns whether it passed, and what it printed.
    fn finish(&self, test: &Test) -> Result<(bool, String)> {
        let mut output = tempfile::tempfile().context("There is no room for the output of a test.")?;
        let mut command = self.pool.command(test)?;
        let streams: [File; 2] = [output.try_clone()?, output.try_clone()?];
        let [stdout, stderr] = streams.map(Stdio::from);
        let mut child = command.stdout(stdout).stderr(stderr).spawn().context("A test could not be started.")?;
        let status = wait(&mut child, LONGEST)?;
        let mut bytes = Vec::new();
        output.rewind()?;
        output.read_to_end(&mut bytes)?;
        let mut printed = String::from_utf8_lossy(&bytes).into_owned();
        let Some(status) = status else {
            printed += &format!("\nIt did not end in {} s and was killed.", LONGEST.as_secs());
            return Ok((false, printed));
        };
        if status.code().is_none() {
            printed += &format!("\nIt ended with {status}.");
        }
        // An executable that found no test of this name would pass as well.
        Ok((status.success() && printed.contains("test result: ok. 1 passed"), printed))
    }
}

/// Waits for the end of a process. If it takes too long, kills its group and returns nothing.
fn wait(child: &mut Child, longest: Duration) -> Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > longest {
            let group = format!("-{}", child.id());
            as_root("kill", &[])?.args(["-KILL", "--", &group]).status()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// sudo forgets who has given a password, after minutes.
fn keep_sudo(over: &AtomicBool) {
    let mut last = Instant::now();
    while !over.load(Ordering::Relaxed) {
        if last.elapsed() >= REFRESH {
            // If it fails, the next test that needs root says so.
            let _ = Command::new("sudo").args(["--non-interactive", "--validate"]).status();
            last = Instant::now();
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn print_slowest(done: &[Done]) {
    let mut slowest: Vec<&Done> = done.iter().collect();
    slowest.sort_by_key(|done| Reverse(done.time));
    say(format!("the {} slowest of {} tests", SLOWEST.min(done.len()), done.len()));
    for done in slowest.iter().take(SLOWEST) {
        eprintln!("    {:>7.2} s  {}", done.time.as_secs_f64(), done.path);
    }
}

/// How long each test took the last time.
fn times_file() -> PathBuf {
    target().join("test-times.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_tests_are_named_and_an_empty_run_is_an_error() {
        let done = |path: &str, passed| Done { path: path.to_owned(), time: Duration::ZERO, passed };
        let outcome = |done| Outcome { done, leftovers: Vec::new() };
        let failed = outcome(vec![done("a::lib::b", true), done("a::lib::c", false)]).check().unwrap_err().to_string();
        assert!(failed.starts_with("1 of 2 tests failed") && failed.ends_with("\n    a::lib::c"), "{failed}");
        assert!(outcome(Vec::new()).check().is_err());
        let passed =
            outcome(vec![done("honeyxdp-tests::kernel::a::b", true), done("a::lib::b", true)]).check().unwrap();
        assert_eq!(passed, "2 passed, 1 of them kernel tests; none was skipped");
    }

    #[test]
    fn hanging_process_is_killed_with_what_it_started() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & wait"]).process_group(0);
        let mut child = command.spawn().unwrap();
        assert!(wait(&mut child, Duration::from_millis(100)).unwrap().is_none());
    }
}
