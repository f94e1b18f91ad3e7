//! `--trace-marks`: the log lines that the kernel program writes for marked SYNs.

use std::time::Duration;

use anyhow::Context as _;
use aya_log::EbpfLogger;
use tokio::time;

use super::program::Program;

/// How often the kernel's ring of log lines is emptied.
const EVERY: Duration = Duration::from_millis(200);

/// Hands the program's lines to the `log` crate until the task is dropped. Must be called in a Tokio runtime.
///
/// # Errors
/// When the program was loaded without tracing.
pub fn start(program: &mut Program) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    let mut logger = EbpfLogger::init(program.ebpf()).context("the kernel program has no log")?;
    Ok(async move {
        let mut ticks = time::interval(EVERY);
        loop {
            ticks.tick().await;
            logger.flush();
        }
    })
}
