//! The running sensor: attach, drain every interval, publish, and detach.
//!
//! The order of a start is in types. [`Privileged`] holds the process's identity and opens everything that needs
//! privileges: directories, sockets, the XDP program. [`Confined`] has dropped the privileges and has one thread, because
//! capabilities and Landlock rules belong to threads and later threads inherit them. [`Running`] has started the threads.

mod config;
mod control;
mod drain;
#[cfg(any(fuzzing, feature = "fuzzing"))]
pub mod fuzzing;
mod hangup;
mod live;
mod notify;
mod output;
mod serve;
mod start;
mod upload;
mod watch;

use std::time::Duration;

use anyhow::Context as _;
use tokio::{
    runtime,
    time::{self, MissedTickBehavior},
};

pub use self::{
    config::{Config, Identity, Reload, Reloaded},
    start::{Confined, Privileged, Running},
};

/// Runs a sensor until a signal ends it. `config` is called as the user of `identity`, so it can only read that user's files.
/// The process must have one thread.
///
/// # Errors
/// Returns an error if the sensor cannot start, or cannot store what it counted.
pub fn run(identity: Identity, config: impl FnOnce() -> anyhow::Result<Config>) -> anyhow::Result<()> {
    let privileged = Privileged::begin(identity)?;
    let config = config()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build().context("cannot start Tokio")?;
    runtime.block_on(async { privileged.confine(config).await?.start()?.run().await })
}

/// An interval timer: the first tick comes after one period, and missed ticks are skipped.
fn ticks(period: Duration) -> time::Interval {
    let mut interval = time::interval_at(time::Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
