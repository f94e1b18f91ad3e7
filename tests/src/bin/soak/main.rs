//! A soak run: a real sensor under mixed traffic, restarts, filter changes and scrapes, for as long as one wants.
//!
//! One file for each part: `traffic` sends and tells what it sent, `stage` has the namespaces and the sensor, `plan` says what
//! is done to it and when, `visitors` asks over HTTP meanwhile, `run` puts them together. At every check `counted` holds what
//! was counted against what was sent, `figures` samples the process and the kernel; `trend` says whether a figure grows, and
//! `report` shows all of it.

mod counted;
mod faults;
mod figures;
mod objects;
mod plan;
mod pool;
mod report;
mod run;
mod stage;
mod traffic;
mod trend;
mod visitors;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Let a sensor run for long under everything that happens to one, and see whether it loses, doubles or leaks
///
/// Two network namespaces with a veth between them. One sends mixed traffic: scans, ordinary SYNs, UDP, fragments, VLANs,
/// IPv6, garbage, floods. In the other runs `honeyxdp run` with pins, an archive and HTTP. Meanwhile filters are changed,
/// HTTP is asked, fast and by slow readers, the archive is checked and compacted. In the first half of the run the sensor is
/// also stopped, killed and replaced again and again; in the second half one process stays.
///
/// At every check the sender rests until a snapshot has everything, and then there must be equal, over all restarts: frames
/// and bytes sent and counted, each disposition by itself, frames that the interface received, the intervals' sum, the
/// metrics, flow records, and the rows and accounts of the archive.
///
/// Figures are sampled at every check, with no filter in force and no client connected. "Flat" means: the median of the last
/// third of the samples is at most so much above that of the third before it. Memory (RSS, PSS): 5 % and 4 MiB, over the
/// samples of the second half's one process, if that half has at least five minutes and six samples. File handles and
/// threads: 2. Maps and programs in the kernel, and their memory: nothing. The sensor's directory: 10 % and 1 MiB. The archive
/// may grow. A leak that is slower than that is not found: let it run longer. A map or program of ours that nobody holds any
/// more, and that is still there, is a fault at once.
///
/// Exit status: 0 all equal and flat, 1 not so, with what it was.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask soak", bin_name = "cargo xtask soak --", max_term_width = 100)]
struct Args {
    /// How long it runs; fractions are fine
    #[arg(long, value_name = "N", default_value_t = 60.0, value_parser = positive)]
    minutes: f64,
    /// Frames a second, on average
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    rate: u32,
    /// What is sent and what is done when come from this number; the machine's own timing does not
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Seconds between two checks
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = positive)]
    every: f64,
    /// Restarts at least: on a machine that is too slow for them it takes longer
    #[arg(long, value_name = "N", default_value_t = 0)]
    restarts: u64,
    /// Also write all samples, figures and faults to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Send so many frames without telling: the run has to fail, which a test looks at
    #[arg(long, value_name = "N", default_value_t = 0, hide = true)]
    untold: u64,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("give a number above 0, as 60 or 0.5".to_owned()),
    }
}

/// Set by Ctrl-C, SIGTERM and the end of the terminal.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether somebody wants the run to end.
fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Sleeps, but not longer than nobody interrupts.
fn sleep(time: Duration) {
    let until = std::time::Instant::now() + time;
    while !interrupted() {
        let left = until.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(Duration::from_millis(50)));
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match listen_for_signals().and_then(|()| run::run(&args)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// From now on signals end the run in order, and nothing is left behind.
fn listen_for_signals() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start Tokio")?;
    let [mut interrupt, mut terminate, mut hangup] = {
        let _inside = runtime.enter();
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {},
                _ = terminate.recv() => {},
                _ = hangup.recv() => {},
            }
        });
        INTERRUPTED.store(true, Ordering::Relaxed);
    });
    Ok(())
}
