//! `cargo xtask test`: everything, the tests in the kernel included.
//!
//! The kernel tests are those of package honeyxdp-tests. They load programs, make network namespaces and run scanners, so
//! they need root and other people's programs. None of them may be skipped: without rights they fail, and an ignored one
//! fails the task. `cargo test` runs everything; this task is also its runner, which gives the kernel tests root's rights
//! and keeps their results. So cargo's directories, variables and order are the same for root and for everybody else.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    io::{self, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio, exit},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    build_ebpf,
    clippy::{about, linted},
    command::{TERMINAL, artifacts, as_root, cargo, output, run, say, target},
    leftovers, modules,
    programs::{self, LIBBPF_HEADERS, Program},
    report, room,
};

/// Run every test, kernel tests included
///
/// Installs the programs that the tests need (Debian, Ubuntu) or names them; then formatting and `cargo test`, built by clippy.
/// The kernel tests run as root, by sudo if you are not. The report's tests come last: the first build of its query engine
/// takes a quarter of an hour on two CPUs.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rebuild the eBPF object in the repository first
    #[arg(long)]
    rebuild: bool,
    /// Only tests whose name contains FILTER, and other arguments for the tests
    #[arg(last = true, value_name = "FILTER")]
    filter: Vec<OsString>,
}

/// The report's packages are built under a profile of their own, so that its query engine is built once, and fast.
const THE_REPORT: &[&str] = &["--package", "honeyxdp-report", "--package", "honeyxdp-year"];
pub(crate) const BUT_THE_REPORT: &[&str] =
    &["--workspace", "--exclude", "honeyxdp-report", "--exclude", "honeyxdp-year"];

/// The package of the kernel tests.
pub(crate) const KERNEL_TESTS: &str = "honeyxdp-tests";

/// Names the report's program to the test that needs it.
const REPORT: &str = "HONEYXDP_REPORT_PROGRAM";

/// Names the file that the runner writes the results of the kernel tests to.
const RESULTS: &str = "HONEYXDP_XTASK_RESULTS";

/// Is set when the results of all tests are to be written there, and not those of the kernel tests alone.
pub(crate) const ALL_RESULTS: &str = "HONEYXDP_XTASK_ALL_RESULTS";

/// Programs that the kernel tests run, and Debian's package of each.
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
    ("pip3", "python3-pip"),
    // For Spark.
    ("java", "openjdk-17-jre-headless"),
    // Fonts of the report's pictures, with and without Japanese letters.
    ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "fonts-dejavu-core"),
    ("/usr/share/fonts/truetype/vlgothic/VL-PGothic-Regular.ttf", "fonts-vlgothic"),
    LIBBPF_HEADERS,
];

pub(crate) fn main(args: &Args) -> Result<()> {
    let mut stages = Stages::default();
    let result = every_stage(args, &mut stages);
    stages.print();
    result
}

fn every_stage(args: &Args, stages: &mut Stages) -> Result<()> {
    // A test of a few names takes no room.
    if args.filter.is_empty() {
        stages.run("room", room::check)?;
    }
    stages.run("programs", programs_of_the_tests)?;
    stages.run("leftovers", leftovers::remove)?;
    if args.rebuild {
        stages.run("eBPF object", || build_ebpf::rebuild().map(|()| "rebuilt".into()))?;
    }
    stages.run("formatting", formatting)?;
    stages.run("modules", modules::check)?;
    stages.run("build, clippy", || {
        run(linted(cargo().arg("test").args(BUT_THE_REPORT).arg("--no-run")))?;
        Ok(about())
    })?;
    stages.run("tests", || {
        let results = cargo_test(BUT_THE_REPORT, &args.filter, &[])?;
        Ok(format!("{} kernel tests passed, none was skipped", results.passed))
    })?;
    // Last, because its query engine takes the most time to build.
    stages.run("report", || {
        run(linted(cargo().args(["test", "--profile", report::PROFILE]).args(THE_REPORT))
            .arg("--")
            .args(&args.filter))?;
        Ok(about())
    })?;
    // Sensors, object storage and a cluster together: built as the other kernel tests, with the report's program beside them.
    stages.run("joint", || {
        let program = target().join(report::PROFILE).join(report::PROGRAM);
        let together = [BUT_THE_REPORT, &["--test", "joint"]].concat();
        let results = cargo_test(&together, &args.filter, &[(REPORT, program.as_path())])?;
        Ok(format!("{} passed", results.passed))
    })
}

/// Puts an object through the kernel tests.
pub(crate) fn kernel_tests_with(object: &Path) -> Result<()> {
    programs_of_the_tests()?;
    leftovers::remove()?;
    cargo_test(BUT_THE_REPORT, &[], &[("HONEYXDP_EBPF_OBJECT", object)]).map(drop)
}

/// What has been done, and how long it took.
#[derive(Default)]
struct Stages {
    done: Vec<(&'static str, Duration, bool, String)>,
}

impl Stages {
    fn run(&mut self, name: &'static str, stage: impl FnOnce() -> Result<String>) -> Result<()> {
        let start = Instant::now();
        let result = stage();
        let note = result.as_ref().map_or_else(|_| String::new(), Clone::clone);
        self.done.push((name, start.elapsed(), result.is_ok(), note));
        result.map(drop)
    }

    fn print(&self) {
        say("summary");
        for (name, time, passed, note) in &self.done {
            let word = if *passed { "ok" } else { "FAILED" };
            eprintln!("    {name:<12} {word:<6} {:>7.1} s  {note}", time.as_secs_f64());
        }
    }
}

pub(crate) fn programs_of_the_tests() -> Result<String> {
    programs::install("The tests", PROGRAMS)
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

/// Builds the tests, and says where each executable is, by the name of its target.
pub(crate) fn executables() -> Result<BTreeMap<String, PathBuf>> {
    let mut build = cargo();
    build.arg("test").args(BUT_THE_REPORT).args(["--no-run", "--message-format=json-render-diagnostics"]);
    artifacts(linted(&mut build))
}

/// Runs `cargo test` with this program as the runner, and looks at what the kernel tests did.
pub(crate) fn cargo_test(packages: &[&str], filter: &[OsString], files: &[(&str, &Path)]) -> Result<Results> {
    let directory = tempfile::tempdir().context("There is no room for the results of the tests.")?;
    let file = directory.path().join("results");
    fs::write(&file, "")?;
    let mut test = cargo();
    test.arg("test").args(packages).arg("--config").arg(runner_setting()?).arg("--").args(filter).env(RESULTS, &file);
    test.envs(files.iter().copied());
    let tested = run(linted(&mut test));
    let results = Results::parse(&fs::read_to_string(&file)?);
    let leftovers = leftovers::list()?;
    tested?;
    ensure!(
        results.ignored == 0,
        "{} kernel tests were ignored: every one of them has to run, so remove their #[ignore].",
        results.ignored
    );
    ensure!(results.passed > 0 || !filter.is_empty(), "No kernel test has run: package {KERNEL_TESTS} has none.");
    ensure!(leftovers.is_empty(), "The tests left network namespaces behind: {}.", leftovers.join(", "));
    Ok(results)
}

/// cargo's setting that makes this program the runner. A list, because a path may have a space.
fn runner_setting() -> Result<String> {
    let version = output(cargo().args(["--version", "--verbose"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("cargo does not say its host.")?;
    let program = env::current_exe().context("This program's own path is not known.")?;
    let program = program.to_str().context("Move the repository: its path is no text.")?;
    // So the kernel calls it when its sources changed while tests ran, and another one was built in its place.
    let program = serde_json::to_string(program.trim_end_matches(" (deleted)"))?;
    Ok(format!("target.{host}.runner = [{program}, \"test-runner\", \"--\"]"))
}

/// cargo's runner: executes a test executable in the directory and with the variables that cargo gives it.
pub(crate) fn runner(command: &[OsString]) -> Result<()> {
    let (program, args) = command.split_first().context("The runner has nothing to run.")?;
    let shown = Path::new(program).display();
    let in_the_kernel = env::var("CARGO_PKG_NAME").as_deref() == Ok(KERNEL_TESTS);
    if !in_the_kernel && env::var_os(ALL_RESULTS).is_none() {
        let error = Command::new(program).args(args).exec();
        return Err(error).with_context(|| format!("{shown} could not be started."));
    }
    let mut variables: Vec<_> = env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("CARGO") || name.starts_with("HONEYXDP_") || name.starts_with("INSTA_"))
        .collect();
    variables.extend(["PATH", "CI", "LD_LIBRARY_PATH", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"].map(str::to_owned));
    let variables: Vec<_> = variables.iter().map(String::as_str).chain(TERMINAL.iter().copied()).collect();
    let command = if in_the_kernel { as_root(program, &variables) } else { Ok(Command::new(program)) };
    let mut child =
        command?.args(args).stdout(Stdio::piped()).spawn().with_context(|| format!("{shown} could not be started."))?;
    let mut printed = Vec::new();
    let mut output = child.stdout.take().context("The test has no output.")?;
    let mut buffer = [0; 4096];
    loop {
        let length = output.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        io::stdout().write_all(&buffer[..length])?;
        io::stdout().flush()?;
        printed.extend_from_slice(&buffer[..length]);
    }
    let status = child.wait()?;
    if let Some(file) = env::var_os(RESULTS) {
        let lines = String::from_utf8_lossy(&printed);
        let mut file = fs::OpenOptions::new().append(true).open(file)?;
        for line in lines.lines().filter(|line| line.starts_with("test result: ")) {
            writeln!(file, "{line}")?;
        }
    }
    exit(status.code().unwrap_or(101));
}

/// What the kernel tests did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Results {
    pub(crate) passed: u64,
    ignored: u64,
}

impl Results {
    /// Adds up lines like `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out`.
    fn parse(lines: &str) -> Self {
        let words: Vec<_> = lines.split_whitespace().collect();
        let sum = |what: &str| {
            let counts = words.windows(2).filter(|two| two[1].trim_end_matches(';') == what);
            counts.filter_map(|two| two[0].parse::<u64>().ok()).sum()
        };
        Self { passed: sum("passed"), ignored: sum("ignored") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_added_up() {
        let lines = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                     test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out; finished in 1s\n";
        assert_eq!(Results::parse(lines), Results { passed: 13, ignored: 1 });
        assert_eq!(Results::parse(""), Results::default());
    }
}
