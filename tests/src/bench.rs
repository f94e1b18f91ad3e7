//! The kernel program on a bench: frames go in by BPF_PROG_TEST_RUN, counts come out of the maps.

use anyhow::Context as _;
use aya::{TestRun as _, programs::TestRunOptions};
use honeyxdp::{
    Counts,
    kernel::{Options, Program},
};

/// XDP_PASS of linux/bpf.h: what the program returns for every frame.
const XDP_PASS: u32 = 2;

/// A loaded program that is attached to nothing.
pub struct Bench {
    program: Program,
    counts: Counts,
}

impl Bench {
    /// Loads the program.
    ///
    /// # Errors
    /// Without root, or CAP_BPF and CAP_NET_ADMIN: then the tests fail, they do not skip.
    pub fn new() -> anyhow::Result<Self> {
        let program = Program::load(&Options::default()).context("kernel tests need root: run `cargo xtask test`")?;
        Ok(Self { program, counts: Counts::default() })
    }

    /// Runs the program on a frame of at least 14 bytes, the least that the kernel takes.
    ///
    /// # Errors
    /// When the kernel does not run it, or it does not let the frame pass.
    pub fn run(&mut self, frame: &[u8]) -> anyhow::Result<()> {
        self.repeat(frame, 1).map(drop)
    }

    /// Runs it `times` times on the same frame. Returns the time of one run as the kernel measured it.
    ///
    /// # Errors
    /// As [`Bench::run`].
    pub fn repeat(&mut self, frame: &[u8], times: u32) -> anyhow::Result<std::time::Duration> {
        let options = TestRunOptions { data_in: Some(frame), repeat: times, ..TestRunOptions::default() };
        let result =
            self.program.xdp().test_run(options).with_context(|| format!("a frame of {} bytes", frame.len()))?;
        anyhow::ensure!(result.return_value == XDP_PASS, "the program returned {}", result.return_value);
        Ok(result.duration)
    }

    /// The counters since the program was loaded.
    pub fn counts(&mut self) -> &Counts {
        self.program.maps().read(&mut self.counts);
        &self.counts
    }

    /// The program itself.
    pub const fn program(&self) -> &Program {
        &self.program
    }
}
