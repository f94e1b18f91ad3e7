//! `cargo xtask test`: everything that a change must pass.
//!
//! One cargo invocation builds the tests of the whole workspace, with clippy as the compiler. Then this task runs them itself,
//! each test as a process of its own (see `pool`): tests run side by side, a slow or hanging one is named, and a failure hides no
//! other result. Kernel tests are those of package honeyxdp-tests: they load programs, make network namespaces and run scanners, so
//! they run as root. No test may be skipped.

mod built;
mod long;
mod pool;

use std::{
    env,
    ffi::OsString,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    build_ebpf,
    clippy::about,
    command::{announce, cargo, output, run, say},
    leftovers, modules,
    programs::{self, LIBBPF_HEADERS, Program},
    room,
};

pub(crate) use built::{Built, Test, build};
pub(crate) use pool::Pool;

/// Run everything that a change must pass, kernel tests included
///
/// Installs the programs that the tests call (Debian, Ubuntu) or names them, checks the formatting, builds all tests with clippy, and
/// runs them. Kernel tests run as root, by sudo if you are not. On a fresh machine with 2 CPUs it takes about 25 minutes and 10 GB,
/// and 8 minutes when the tests are built. All stages run, then those that failed are listed.
///
/// Examples:
///
///   cargo xtask test
///   cargo xtask test responder::     only tests whose path contains one of these words
///   cargo xtask test --long          before a release, or when the change touches what only this runs
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Also: fuzzing, the whole kill matrix, a soak run, analytics engines, virtual machines, dependencies, the eBPF object rebuilt
    #[arg(long)]
    long: bool,
    /// Seed of what is sampled and of random frames; it is printed. Default: from the clock
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Tests at a time. Default: twice the number of CPUs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Rebuild the eBPF object in the repository first
    #[arg(long)]
    rebuild: bool,
    /// Only tests whose path, as `honeyxdp::collector::tests::adds_up`, contains one of these words
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
}

/// The package of the kernel tests.
pub(crate) const KERNEL_TESTS: &str = "honeyxdp-tests";

/// Programs that the tests call, and Debian's package of each.
const PROGRAMS: &[Program] = &[
    ("masscan", "masscan"),
    ("nmap", "nmap"),
    ("zmap", "zmap"),
    ("hping3", "hping3"),
    ("tcpdump", "tcpdump"),
    ("ip", "iproute2"),
    ("tmux", "tmux"),
    ("faketime", "faketime"),
    ("nsenter", "util-linux"),
    ("sysctl", "procps"),
    ("ethtool", "ethtool"),
    ("bpftool", "bpftool"),
    ("strace", "strace"),
    ("curl", "curl"),
    ("nc", "netcat-openbsd"),
    ("systemd-analyze", "systemd"),
    ("jq", "jq"),
    ("clang", "clang"),
    ("prometheus", "prometheus"),
    ("promtool", "prometheus"),
    ("wrk", "wrk"),
    ("chromium", "chromium"),
    ("python3", "python3"),
    // Fonts of the report's pictures, with and without Japanese letters.
    ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "fonts-dejavu-core"),
    ("/usr/share/fonts/truetype/vlgothic/VL-PGothic-Regular.ttf", "fonts-vlgothic"),
    LIBBPF_HEADERS,
];

/// Programs that only `--long` needs.
const PROGRAMS_OF_LONG: &[Program] = &[
    ("pip3", "python3-pip"),
    // For Spark.
    ("java", "openjdk-17-jre-headless"),
];

/// Tests with this in their path run only with `--long`: other people's engines are gigabytes and minutes.
const ONLY_LONG: &[&str] = &["kernel::analytics::", "kernel::soak::", "kernel::archive::the_examples_of_the_document"];

pub(crate) fn main(args: &Args) -> Result<()> {
    let seed = args.seed.unwrap_or_else(from_the_clock);
    say(format!("seed {seed}: the same run again is `cargo xtask test --seed {seed}`"));
    let mut stages = Stages::default();
    // Without its programs, or on a full disk, nothing after it could pass.
    let prepared = prepare(args, &mut stages);
    if prepared.is_ok() {
        every_stage(args, seed, &mut stages);
    }
    stages.end()
}

fn prepare(args: &Args, stages: &mut Stages) -> Result<()> {
    // A test of a few names takes no room.
    if args.filter.is_empty() {
        stages.run("disk", || room::check(if args.long { 25 } else { 12 }))?;
    }
    stages.run("programs", || programs_of_the_tests(args.long))?;
    stages.run("leftovers", leftovers::remove)?;
    if args.rebuild {
        stages.run("eBPF object", || build_ebpf::rebuild().map(|()| "rebuilt".into()))?;
    }
    Ok(())
}

/// A stage that fails keeps none of the others from running, but for the tests if they are not built.
fn every_stage(args: &Args, seed: u64, stages: &mut Stages) {
    let _ = stages.run("formatting", formatting);
    let _ = stages.run("modules", modules::check);
    announce("the tests of the whole workspace", "15 minutes", "8 GB");
    let mut built = None;
    let _ = stages.run("build, clippy", || {
        built = Some(build()?);
        Ok(about())
    });
    if let Some(built) = built {
        let _ = stages.run("tests", || tests(args, seed, &built));
    }
    if args.long && args.filter.is_empty() {
        long::every_stage(seed, stages);
    }
}

fn tests(args: &Args, seed: u64, built: &Built) -> Result<String> {
    let is_chosen = |test: &Test| {
        let path = test.path();
        let sampled_out = !args.long && ONLY_LONG.iter().any(|part| path.contains(part));
        match args.filter.as_slice() {
            [] => !sampled_out,
            words => words.iter().any(|word| path.contains(word)),
        }
    };
    let mut pool = Pool::new(built)?;
    pool.jobs(args.jobs.map(usize::from));
    pool.variable("HONEYXDP_SEED", &seed.to_string());
    if args.long {
        pool.variable("HONEYXDP_LONG", "1");
    }
    let outcome = pool.run(is_chosen)?;
    outcome.check()
}

/// Puts an object through the kernel tests.
pub(crate) fn kernel_tests_with(object: &Path) -> Result<()> {
    programs_of_the_tests(false)?;
    leftovers::remove()?;
    let mut pool = Pool::new(&build()?)?;
    pool.variable("HONEYXDP_EBPF_OBJECT", object.to_str().context("The path of the object is not UTF-8.")?);
    let is_chosen = |test: &Test| {
        let path = test.path();
        test.package == KERNEL_TESTS && !ONLY_LONG.iter().any(|part| path.contains(part))
    };
    pool.run(is_chosen)?.check().map(drop)
}

/// A seed that is short enough to be typed.
fn from_the_clock() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |time| time.as_secs() % 1_000_000)
}

/// What was done, and how long it took.
#[derive(Default)]
struct Stages {
    done: Vec<(&'static str, Duration, Result<String, String>)>,
}

impl Stages {
    fn run(&mut self, name: &'static str, stage: impl FnOnce() -> Result<String>) -> Result<()> {
        say(format!("stage: {name}"));
        let start = Instant::now();
        let result = stage().map_err(|error| format!("{error:#}"));
        let passed = result.is_ok();
        if let Err(error) = &result {
            eprintln!("error: {error}");
        }
        self.done.push((name, start.elapsed(), result));
        ensure!(passed, "stage {name} failed");
        Ok(())
    }

    /// Prints the summary. Returns an error that names the failed stages.
    fn end(self) -> Result<()> {
        say("summary");
        let all: Duration = self.done.iter().map(|(_, time, _)| *time).sum();
        for (name, time, result) in &self.done {
            let (word, note) = match result {
                Ok(note) => ("ok", note.as_str()),
                Err(error) => ("FAILED", error.lines().next().unwrap_or_default()),
            };
            eprintln!("    {name:<16} {word:<6} {:>7.1} s  {note}", time.as_secs_f64());
        }
        eprintln!("    {:<16} {:<6} {:>7.1} s", "all", "", all.as_secs_f64());
        let failed: Vec<&str> =
            self.done.iter().filter(|(.., result)| result.is_err()).map(|(name, ..)| *name).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

pub(crate) fn programs_of_the_tests(long: bool) -> Result<String> {
    let more = if long { PROGRAMS_OF_LONG } else { &[] };
    programs::install("The tests", &[PROGRAMS, more].concat())
}

fn formatting() -> Result<String> {
    if output(cargo().args(["fmt", "--version"])).is_err() {
        return Ok("left out: there is no rustfmt (`rustup component add rustfmt`)".into());
    }
    run(cargo().args(["fmt", "--all", "--check"]))?;
    for other in ["honeyxdp-ebpf/Cargo.toml", "fuzz/Cargo.toml"] {
        run(cargo().args(["fmt", "--check", "--manifest-path", other]))?;
    }
    Ok(String::new())
}

/// Variables of this process that tests get, under sudo too.
fn inherited() -> Vec<String> {
    let names = env::vars_os().filter_map(|(name, _): (OsString, _)| name.into_string().ok());
    names
        .filter(|name| {
            ["CARGO", "HONEYXDP_", "RUST", "LD_LIBRARY_PATH", "PATH", "CI", "TMPDIR", "PIP_"]
                .iter()
                .any(|begin| name.starts_with(begin))
        })
        .collect()
}
