//! An S3 server in a namespace.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::network::Namespace;

/// The bucket that is there.
pub const BUCKET: &str = "fleet";
const PORT: u16 = 9_000;
const KEY: &str = "honeyxdp";
const SECRET: &str = "only-for-tests";

/// A server with one bucket. It is killed when this is dropped.
pub struct Server {
    child: Child,
    directory: TempDir,
}

impl Server {
    /// Starts the server of `lab`, the lab's executable, on all addresses of a namespace.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn start(lab: &str, namespace: &Namespace) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        std::fs::create_dir(directory.path().join(BUCKET))?;
        let mut command = namespace.command(lab);
        command.arg("s3").arg(directory.path()).arg(format!("0.0.0.0:{PORT}")).args([KEY, SECRET]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no standard output")?).read_line(&mut line)?;
        let server = Self { child, directory };
        ensure!(line.starts_with("listening"), "the S3 server said {line:?}");
        Ok(server)
    }

    /// Where the bucket's objects lie as files.
    pub fn bucket(&self) -> PathBuf {
        self.directory.path().join(BUCKET)
    }

    /// Stops it in its tracks, or lets it go on: connections stay open, and nobody answers.
    ///
    /// # Errors
    /// When it is gone.
    pub fn hold(&self, hold: bool) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("a process has an id")?;
        Ok(kill_process(pid, if hold { Signal::STOP } else { Signal::CONT })?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells a command where the server is, and who asks.
pub fn at(command: &mut Command, address: &str) {
    command.env("AWS_ENDPOINT", format!("http://{address}:{PORT}")).envs([
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_REGION", "test"),
    ]);
}

/// Puts programs beside each other under the names that they look for each other by, in `directory`.
///
/// # Errors
/// When a file cannot be copied.
pub fn installed(directory: &Path, programs: &[(&str, &str)]) -> anyhow::Result<()> {
    for (name, program) in programs {
        let place = directory.join(name);
        std::fs::hard_link(program, &place).or_else(|_| std::fs::copy(program, &place).map(drop))?;
    }
    Ok(())
}
