//! A soak run: a real sensor under mixed traffic, restarts, filter changes and scrapes, for as long as one wants.
//!
//! One file for each part: `traffic` sends and tells what it sent, `stage` has the namespaces and the sensor, `plan` says what
//! is done to it and when, `visitors` asks over HTTP meanwhile, `run` puts them together. At every check `counted` holds what
//! was counted against what was sent, `figures` samples the process and the kernel; `trend` says whether a figure grows, and
//! `report` shows all of it.

mod args;
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
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use args::Args;

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

/// Runs, and says whether all was equal and flat.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    listen_for_signals()?;
    run::run(args)
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
