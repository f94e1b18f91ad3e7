//! The uploader: a process that brings the archive's files to object storage while the sensor runs.
//!
//! It needs the network, for which the sensor drops the privilege. If it fails, the sensor continues to count and the files
//! wait.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::external;

/// Files of dates that ended longer ago than this are removed from the spool, once they are uploaded: long enough for compaction.
const RELEASE: &str = "24h";
/// Time between two searches for new files.
const EVERY: &str = "2s";
/// Maximum time at the end to send the rest. The program itself gives up a little earlier.
const PATIENCE: Duration = Duration::from_secs(25);

/// The process.
#[derive(Debug)]
pub(super) struct Uploader {
    child: Child,
    messages: Option<ChildStderr>,
    said: bool,
}

impl Uploader {
    /// Starts it, before privileges are dropped. Returns when it is ready; nothing is sent yet.
    pub(super) fn start(spool: &Path, place: &str, sensor: &str) -> anyhow::Result<Self> {
        let mut command = external::command(external::FLEET, "run --archive PLACE")?;
        command.arg("upload").arg(spool).arg(place).args([
            "--sensor",
            sensor,
            "--release",
            RELEASE,
            "--every",
            EVERY,
            "--beside-sensor",
        ]);
        // Ctrl-C is for the sensor, which tells it when there is nothing more to come.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn(&mut command)?;
        let mut ready = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut ready)?;
        }
        let mut messages = child.stderr.take();
        if ready.is_empty() {
            let mut why = String::new();
            if let Some(messages) = &mut messages {
                messages.read_to_string(&mut why)?;
            }
            child.wait()?;
            bail!("{}", why.trim().trim_start_matches("honeyxdp-fleet: "));
        }
        Ok(Self { child, messages, said: false })
    }

    /// Starts a thread that logs its messages. Call it after privileges are dropped.
    pub(super) fn pass_on(&mut self) -> anyhow::Result<()> {
        let Some(messages) = self.messages.take() else { return Ok(()) };
        let pass = move || {
            for line in BufReader::new(messages).lines().map_while(Result::ok) {
                tracing::warn!("{}", line.trim_start_matches("honeyxdp-fleet: "));
            }
        };
        thread::Builder::new().name("upload".to_owned()).spawn(pass).context("cannot start a thread")?;
        Ok(())
    }

    /// Returns a warning once, if it has ended. The privilege to start it again is dropped.
    pub(super) fn look(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten().filter(|_| !self.said)?;
        self.said = true;
        Some(format!(
            "nothing is uploaded any more, because the program that does it ended ({status}); files wait in the spool: restart the \
             sensor, or run `honeyxdp fleet upload`"
        ))
    }

    /// Lets it send the rest and end. Returns whether everything was sent.
    pub(super) fn end(mut self) -> bool {
        drop(self.child.stdin.take());
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) => thread::sleep(Duration::from_millis(20)),
                Err(_) => return false,
            }
        }
        false
    }
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    command.spawn().with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))
}
