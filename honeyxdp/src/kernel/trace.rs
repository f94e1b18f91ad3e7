//! `--trace-matches`: the log lines that the kernel program writes for marked SYNs.

use std::time::Duration;

use anyhow::Context as _;
use aya_log::EbpfLogger;
use honeyxdp_common::Family;
use log::{Log, Metadata, Record};
use tokio::time;

use super::program::Program;
use crate::logging::MARK;

/// How often the kernel's ring of log lines is emptied.
const EVERY: Duration = Duration::from_millis(200);

/// Logs the program's lines until the future is dropped.
///
/// # Errors
/// When the object has no log.
pub fn lines(program: &mut Program) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    let mut logger =
        EbpfLogger::init_with_logger(program.ebpf(), Named).context("the kernel program has no log to read")?;
    Ok(async move {
        let mut ticks = time::interval(EVERY);
        loop {
            ticks.tick().await;
            logger.flush();
        }
    })
}

/// Puts the family's name in the place of its wire id, with which every line of the program begins.
struct Named;

impl Log for Named {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = record.args().to_string();
        let (id, rest) = line.split_once(' ').unwrap_or(("", &line));
        let family = id.parse().ok().and_then(Family::from_wire_id).map_or("?", Family::name);
        tracing::info!(target: MARK, "{family} {rest}");
    }

    fn flush(&self) {}
}
