//! A virtual machine: QEMU, its console, and what the tests in it say there.

use std::{
    fmt, fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{image::Image, kernel::Kernel};
use crate::command::{say, shown};

/// What came of a kernel.
pub(crate) struct Outcome {
    console: Console,
    expected: u64,
    time: Duration,
}

impl Outcome {
    /// Whether every test has run and passed.
    pub(super) const fn is_right(&self) -> bool {
        self.console.is_over && self.console.failed == 0 && self.console.passed == self.expected
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Console { release, load, passed, failed, .. } = &self.console;
        let word = if self.is_right() { "ok" } else { "FAILED" };
        let load = load.map_or_else(|| "-".to_owned(), |load| load.to_string());
        write!(f, "{release:<32} {word:<7} {passed:>6} {failed:>6} {load:>10} {:>8.0}", self.time.as_secs_f64())
    }
}

/// Boots a kernel and runs its tests, `expected` in number, for as long as it may take.
pub(super) fn boot(
    kernel: &Kernel,
    image: &Image,
    expected: u64,
    accelerator: &str,
    limit: Duration,
) -> Result<Outcome> {
    // It ends with this program, however that ends.
    let mut qemu = Command::new("setpriv");
    qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    qemu.args(["-machine", &format!("accel={accelerator}"), "-cpu", "max", "-smp", "2", "-m", "3072"]);
    qemu.arg("-kernel").arg(kernel.vmlinuz()).arg("-initrd").arg(&image.file);
    qemu.args(["-append", "console=ttyS0 quiet panic=-1", "-nographic", "-no-reboot", "-nic", "none"]);
    say(shown(&qemu));
    let start = Instant::now();
    let child = qemu.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("QEMU could not be started.")?;
    let mut child = Ended(child);
    let output = child.0.stdout.take().context("QEMU has no output.")?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                break;
            }
        }
    });
    let mut log = fs::File::create(super::directory().join(format!("{}.log", kernel.release)))?;
    let mut console = Console { release: kernel.release.clone(), ..Console::default() };
    loop {
        match lines.recv_timeout(limit.saturating_sub(start.elapsed())) {
            Ok(line) => {
                writeln!(log, "{line}")?;
                if let Some(news) = console.take(&line) {
                    eprintln!("    {:>5.0} s  {news}", start.elapsed().as_secs_f64());
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                console.failed += 1;
                say(format!("{}: it takes longer than {} minutes", kernel.release, limit.as_secs() / 60));
                break;
            }
        }
    }
    Ok(Outcome { console, expected, time: start.elapsed() })
}

/// A machine that ends with this.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the console said.
#[derive(Default)]
struct Console {
    /// `uname -r`.
    release: String,
    /// Milliseconds that the kernel took to verify and compile the program, as `honeyxdp doctor` says.
    load: Option<u64>,
    passed: u64,
    failed: u64,
    /// Whether the machine came to its end.
    is_over: bool,
}

impl Console {
    /// Takes a line. Returns what of it people want to see.
    fn take(&mut self, line: &str) -> Option<String> {
        if let Some(line) = line.strip_prefix("vm: ") {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["kernel", release] => (*release).clone_into(&mut self.release),
                ["doctor", .., "in", load, "ms"] if line.contains("takes the XDP program") => {
                    self.load = load.parse().ok();
                }
                // Its failed tests are counted one by one; this is a test that took its process with it.
                ["end", _, status] if !["0", "101"].contains(status) => self.failed += 1,
                ["over"] => self.is_over = true,
                _ => {}
            }
            return Some(line.to_owned());
        }
        if let Some(rest) = line.strip_prefix("test result: ") {
            let number = |what: &str| {
                let words: Vec<&str> = rest.split_whitespace().collect();
                let at = words.iter().position(|word| word.trim_end_matches(';') == what)?;
                words.get(at.checked_sub(1)?)?.parse::<u64>().ok()
            };
            self.passed += number("passed").unwrap_or(0);
            self.failed += number("failed").unwrap_or(0);
            return None;
        }
        let is_news = (line.starts_with("test ") && line.contains(" ... ")) || line.contains("panicked at");
        is_news.then(|| line.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &str) -> Outcome {
        let mut console = Console::default();
        for line in lines.lines() {
            console.take(line);
        }
        Outcome { console, expected: 6, time: Duration::ZERO }
    }

    const PASSED: &str = "vm: kernel 6.1.0-56-cloud-amd64\n\
        vm: doctor ok    program           the kernel takes the XDP program, in 8243 ms\n\
        vm: begin frames\ntest a ... ok\ntest result: ok. 6 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\nvm: end frames 0\n";

    #[test]
    fn a_kernel_is_right_when_all_its_tests_passed_and_the_machine_came_to_its_end() {
        let right = after(&format!("{PASSED}vm: over\n"));
        assert!(right.is_right());
        assert_eq!((right.console.passed, right.console.load), (6, Some(8_243)));
        assert_eq!(right.console.release, "6.1.0-56-cloud-amd64");
        for (more, what) in [
            ("", "it did not come to its end"),
            ("test result: ok. 1 passed; 0 failed; 0 ignored\nvm: over\n", "there are tests that nobody expects"),
            ("test result: FAILED. 0 passed; 1 failed; 0 ignored\nvm: end sensor 101\nvm: over\n", "a test failed"),
            ("vm: end sensor 139\nvm: over\n", "a test ended by a signal"),
        ] {
            assert!(!after(&format!("{PASSED}{more}")).is_right(), "{what}");
        }
        assert!(!after("test result: ok. 5 passed; 0 failed; 0 ignored\nvm: over\n").is_right(), "a test has not run");
    }
}
