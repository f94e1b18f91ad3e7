//! `--trace-matches`: log lines that the XDP program writes for SYNs that match a fingerprint.

use std::time::Duration;

use anyhow::Context as _;
use aya_log::EbpfLogger;
use honeyxdp_common::Family;
use log::{Log, Metadata, Record};
use tokio::time;

use super::program::Program;
use crate::logging::MARK;

/// Interval between two reads of the kernel's log ring.
const EVERY: Duration = Duration::from_millis(200);

/// Logs the program's lines until the future is dropped.
///
/// # Errors
/// Returns an error if the object has no log map.
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

/// Replaces the wire id at the start of every line by the family's name.
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
