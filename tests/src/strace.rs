//! strace(1), which kills an unchanged program exactly before its Nth call of one kind, or has the kernel refuse that call.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

use crate::{network::Namespace, sensor::patience};

/// What happens at a system call.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The process is killed, before the kernel does anything.
    Kill,
    /// The kernel does nothing, and says this errno.
    Refuse(&'static str),
    /// The kernel begins with it two seconds later.
    Delay,
}

/// A fault at one call of a thread, and what strace saw until then.
#[derive(Debug)]
pub struct Trap {
    directory: TempDir,
    inject: String,
}

impl Trap {
    /// A fault at the `nth` call, from 1 on.
    ///
    /// # Errors
    /// When there is no room for strace's log.
    pub fn at(call: &str, nth: usize, fault: Fault) -> anyhow::Result<Self> {
        Self::at_calls(call, &nth.to_string(), fault)
    }

    /// A fault at the `nth` call and at all after it.
    ///
    /// # Errors
    /// When there is no room for strace's log.
    pub fn from(call: &str, nth: usize, fault: Fault) -> anyhow::Result<Self> {
        Self::at_calls(call, &format!("{nth}+"), fault)
    }

    fn at_calls(call: &str, when: &str, fault: Fault) -> anyhow::Result<Self> {
        let fault = match fault {
            Fault::Kill => "signal=KILL".to_owned(),
            Fault::Refuse(errno) => format!("error={errno}"),
            Fault::Delay => "delay_enter=2s".to_owned(),
        };
        Ok(Self { directory: tempfile::tempdir()?, inject: format!("inject={call}:{fault}:when={when}") })
    }

    /// A command that will run a program in a namespace; its first thread is watched from the start on. The process is the
    /// program's own: strace is beside it.
    pub fn command(&self, namespace: &Namespace, program: &str) -> Command {
        let mut command = namespace.command("strace");
        command.arg("-D").args(["-e", &self.inject]).arg("-o").arg(self.log()).arg(program);
        command
    }

    /// Watches one thread of a running process, by its name, until the fault has come.
    ///
    /// # Errors
    /// When there is no such thread, or strace does not get hold of it.
    pub fn attach(&self, process: u32, thread: &str) -> anyhow::Result<Attached> {
        let tasks = fs::read_dir(format!("/proc/{process}/task"))?;
        let named = |task: &Path| fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == thread);
        let task = tasks.filter_map(|task| Some(task.ok()?.path())).find(|task| named(task));
        let task = task.with_context(|| format!("process {process} has no thread {thread}"))?;
        let id = task.file_name().context("a task has a number")?.to_owned();
        let mut command = Command::new("strace");
        command.arg("-p").arg(id).args(["-e", &self.inject]).arg("-o").arg(self.log());
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().context("strace is needed")?;
        let attached = Attached(child);
        // From here on no call of it is missed.
        let traced = || {
            let status = fs::read_to_string(task.join("status")).unwrap_or_default();
            !status.lines().any(|line| line == "TracerPid:\t0")
        };
        let start = Instant::now();
        while !traced() {
            ensure!(start.elapsed() < patience(), "strace does not get hold of thread {thread}");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(attached)
    }

    /// The call that the program was killed before, as strace writes it.
    ///
    /// # Errors
    /// When it was not killed, with the end of the log.
    pub fn killed_before(&self) -> anyhow::Result<String> {
        const KILLED: &str = "+++ killed by SIGKILL +++";
        let start = Instant::now();
        loop {
            // strace may still be writing.
            let log = String::from_utf8_lossy(&fs::read(self.log()).unwrap_or_default()).into_owned();
            let lines: Vec<&str> = log.lines().collect();
            if let [.., call, KILLED] = lines[..] {
                return Ok(call.to_owned());
            }
            if start.elapsed() > patience() || log.contains("+++ exited") {
                bail!("it was not killed: {:?}", lines.iter().rev().take(5).collect::<Vec<_>>());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The calls of one kind until now, as strace writes them.
    ///
    /// # Errors
    /// When there is no log.
    pub fn calls(&self, call: &str) -> anyhow::Result<Vec<String>> {
        let log = fs::read(self.log()).context("strace is needed")?;
        let begin = format!("{call}(");
        Ok(String::from_utf8_lossy(&log).lines().filter(|line| line.starts_with(&begin)).map(str::to_owned).collect())
    }

    fn log(&self) -> std::path::PathBuf {
        self.directory.path().join("log")
    }
}

/// A strace that watches a thread. It lets go when this is dropped.
#[derive(Debug)]
pub struct Attached(Child);

impl Drop for Attached {
    fn drop(&mut self) {
        // It may have ended with its thread.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
