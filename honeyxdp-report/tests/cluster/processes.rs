//! Schedulers and executors of the built program, on loopback. They end with the test, also when that fails.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use honeyxdp_report::cluster::Address;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process, and what it said so far.
pub(crate) struct Process {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Process {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_honeyxdp-report"))
            .arg("cluster")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let said = Arc::new(Mutex::new(String::new()));
        let process = Self { child, said: Arc::clone(&said) };
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                *said.lock().unwrap() += &(line + "\n");
            }
        });
        process
    }

    /// A scheduler with a port of its own, and where it is.
    pub(crate) fn scheduler() -> (Self, Address) {
        let process = Self::start(&["scheduler", "--bind", "127.0.0.1:0", "--executor-timeout", "7"]);
        let said = process.await_words("listens on ");
        let address = said.split("listens on ").nth(1).unwrap().lines().next().unwrap();
        (process, address.parse().unwrap())
    }

    /// An executor with one slot.
    pub(crate) fn executor(scheduler: &Address, work: &Path) -> Self {
        let scheduler = format!("{}:{}", scheduler.host, scheduler.port);
        let args = ["executor", "--bind", "127.0.0.1:0", "--slots", "1", "--memory", "256MiB", "--verbose"];
        let more = ["--scheduler", &scheduler, "--work-dir", work.to_str().unwrap()];
        Self::start(&[&args[..], &more].concat())
    }

    /// What it said, when these words are among it.
    pub(crate) fn await_words(&self, words: &str) -> String {
        let start = Instant::now();
        loop {
            let said = self.said.lock().unwrap().clone();
            // The line is whole.
            if said.split_once(words).is_some_and(|(_, after)| after.contains('\n')) {
                return said;
            }
            assert!(start.elapsed() < PATIENCE, "never said {words:?}: {said}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to end, and waits until it did.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it goes on: {}", self.said.lock().unwrap());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        }
    }
}
