//! A running `honeyxdp run` in a namespace.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use honeyxdp::snapshot::{Snapshot, store};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::network::Namespace;

/// How long to wait for what should come at once, on a machine that may be loaded. HONEYXDP_PATIENCE, in seconds, is for one that
/// is emulated.
pub fn patience() -> Duration {
    let seconds = env::var("HONEYXDP_PATIENCE").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(120))
}

/// A sensor. It is killed when this is dropped.
pub struct Sensor {
    child: Child,
    directory: PathBuf,
    lines: Arc<Mutex<Vec<String>>>,
    _temporary: Option<TempDir>,
}

impl Sensor {
    /// Starts `binary run ARGS --out DIR` in a namespace, with a temporary directory, and waits until it is attached.
    ///
    /// # Errors
    /// When it ends or says nothing, with all that it printed.
    pub fn start(binary: &str, namespace: &Namespace, args: &str) -> anyhow::Result<Self> {
        let temporary = tempfile::tempdir()?;
        let mut command = namespace.command(binary);
        command.arg("run").args(args.split_whitespace()).arg("--out").arg(temporary.path());
        let directory = temporary.path().to_owned();
        let mut sensor = Self::spawn(command, directory)?;
        sensor._temporary = Some(temporary);
        Ok(sensor)
    }

    /// Starts a command that ends up as a sensor which writes to `directory`, and waits until it is attached.
    ///
    /// # Errors
    /// As [`Sensor::start`].
    pub fn spawn(mut command: Command, directory: PathBuf) -> anyhow::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        collect(child.stdout.take().context("no standard output")?, &lines);
        collect(child.stderr.take().context("no standard error")?, &lines);
        let mut sensor = Self { child, directory, lines, _temporary: None };
        sensor.wait_for_line("snapshot: ")?;
        Ok(sensor)
    }

    /// Waits until a line with this text is printed.
    ///
    /// # Errors
    /// When it ends before, or takes too long.
    pub fn wait_for_line(&mut self, text: &str) -> anyhow::Result<()> {
        let lines = Arc::clone(&self.lines);
        let has = |line: &String| line.contains(text);
        let printed = || lines.lock().unwrap_or_else(PoisonError::into_inner).iter().any(has);
        self.wait_until(&format!("line with {text:?}"), printed)
    }

    /// Waits until something is so.
    ///
    /// # Errors
    /// When it ends before, or takes too long.
    pub fn wait_until(&mut self, what: &str, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
        let start = Instant::now();
        while !is_so() {
            let ended = self.child.try_wait()?;
            if ended.is_some() {
                // What it printed last may still be on its way.
                thread::sleep(Duration::from_millis(100));
            }
            if (ended.is_some() && !is_so()) || start.elapsed() > patience() {
                bail!("no {what} ({ended:?}); it printed:\n{}", self.printed());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Waits until the newest snapshot has this property, and returns it.
    ///
    /// # Errors
    /// When it takes too long.
    pub fn wait_for(&self, property: impl Fn(&Snapshot) -> bool) -> anyhow::Result<Snapshot> {
        let start = Instant::now();
        loop {
            let newest = store::read(&self.directory);
            match newest {
                Ok(snapshot) if property(&snapshot) => return Ok(snapshot),
                _ if start.elapsed() > patience() => bail!("not in {:?}: {newest:?}\n{}", patience(), self.printed()),
                _ => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Everything it printed so far.
    pub fn printed(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// The directory of its snapshots.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Memory that it has, bytes.
    ///
    /// # Errors
    /// When it is gone.
    pub fn resident(&self) -> anyhow::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("it has no memory")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes << 10)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("a process has an id")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it takes too long.
    pub fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let start = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) => return Ok(status),
                None if start.elapsed() > patience() => bail!("it does not end; it printed:\n{}", self.printed()),
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Stops it as Ctrl-C does, and returns its last snapshot.
    ///
    /// # Errors
    /// When it fails.
    pub fn stop(mut self) -> anyhow::Result<Snapshot> {
        self.signal(Signal::INT)?;
        let status = self.wait()?;
        anyhow::ensure!(status.success(), "{status}; it printed:\n{}", self.printed());
        store::read(&self.directory)
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(stream: impl std::io::Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) {
    let lines = Arc::clone(lines);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
}
