//! The kernel program on a bench: frames go in by BPF_PROG_TEST_RUN, counts and flows come out of the maps.

use anyhow::Context as _;
use aya::{TestRun as _, programs::TestRunOptions};
use honeyxdp::{
    Counts,
    kernel::{Maps, Options, Program},
};

use crate::flows::Flows;

/// XDP_DROP of linux/bpf.h.
pub const XDP_DROP: u32 = 1;
/// XDP_PASS of linux/bpf.h.
pub const XDP_PASS: u32 = 2;
/// XDP_TX of linux/bpf.h.
pub const XDP_TX: u32 = 3;

/// Runs a program on a frame and returns what it says: an XDP action of linux/bpf.h.
///
/// # Errors
/// When the kernel does not run it.
pub fn test_run(program: &mut Program, frame: &[u8]) -> anyhow::Result<u32> {
    let options = TestRunOptions { data_in: Some(frame), ..TestRunOptions::default() };
    let result = program.xdp().test_run(options).with_context(|| format!("a frame of {} bytes", frame.len()))?;
    Ok(result.return_value)
}

/// A loaded program that is attached to nothing.
pub struct Bench {
    program: Program,
    maps: Maps,
    flows: Flows,
}

impl Bench {
    /// Loads the program as it is without any option.
    ///
    /// # Errors
    /// Without root, or CAP_BPF and CAP_NET_ADMIN: then the tests fail, they do not skip.
    pub fn new() -> anyhow::Result<Self> {
        Self::with(&Options::default())
    }

    /// Loads the program with these options.
    ///
    /// # Errors
    /// As [`Bench::new`].
    pub fn with(options: &Options) -> anyhow::Result<Self> {
        Self::of(honeyxdp::kernel::OBJECT, options)
    }

    /// Loads another object with the same program.
    ///
    /// # Errors
    /// As [`Bench::new`].
    pub fn of(object: &[u8], options: &Options) -> anyhow::Result<Self> {
        let loaded = Program::load_object(object, options);
        let (program, maps) = loaded.context("kernel tests need root: run `cargo xtask test`")?;
        Ok(Self { program, maps, flows: Flows::default() })
    }

    /// Runs the program on a frame of at least 14 bytes, the least that the kernel takes.
    ///
    /// # Errors
    /// When the kernel does not run it, or it does not let the frame pass.
    pub fn run(&mut self, frame: &[u8]) -> anyhow::Result<()> {
        let verdict = self.verdict(frame)?;
        anyhow::ensure!(verdict == XDP_PASS, "the program returned {verdict}");
        Ok(())
    }

    /// Runs the program on a frame and returns what it says: an XDP action of linux/bpf.h.
    ///
    /// # Errors
    /// When the kernel does not run it.
    pub fn verdict(&mut self, frame: &[u8]) -> anyhow::Result<u32> {
        test_run(&mut self.program, frame)
    }

    /// Runs the program on a frame and returns what it says, and what it made of the frame.
    ///
    /// # Errors
    /// When the kernel does not run it.
    pub fn answer(&mut self, frame: &[u8]) -> anyhow::Result<(u32, Vec<u8>)> {
        let mut out = vec![0; frame.len() + 64];
        let options = TestRunOptions { data_in: Some(frame), data_out: Some(&mut out), ..TestRunOptions::default() };
        let result = self.program.xdp().test_run(options)?;
        let length = result.data_size_out;
        out.truncate(usize::try_from(length)?);
        Ok((result.return_value, out))
    }

    /// Runs it `times` times on the same frame. Returns the time of one run as the kernel measured it.
    ///
    /// # Errors
    /// As [`Bench::run`].
    pub fn repeat(&mut self, frame: &[u8], times: u32) -> anyhow::Result<std::time::Duration> {
        let options = TestRunOptions { data_in: Some(frame), repeat: times, ..TestRunOptions::default() };
        Ok(self.program.xdp().test_run(options)?.duration)
    }

    /// The counters since the program was loaded; takes in all records up to now.
    ///
    /// # Panics
    /// When the maps cannot be cut, or records and counters do not add up.
    pub fn counts(&mut self) -> &Counts {
        let cut = self.maps.flip().expect("the maps can be cut");
        self.maps.records(Some(&cut), |flow| self.flows.add(flow));
        let counts = self.maps.counts(&cut);
        let accounted = self.flows.packets() + counts.lost_packets() + counts.sampled_out();
        assert_eq!(counts.syns(), accounted, "every SYN is in one record, or accounted for");
        counts
    }

    /// All flows in the records up to the last [`Bench::counts`].
    pub const fn flows(&self) -> &Flows {
        &self.flows
    }

    /// The maps.
    pub const fn maps(&mut self) -> &mut Maps {
        &mut self.maps
    }

    /// The program.
    pub const fn program(&mut self) -> &mut Program {
        &mut self.program
    }
}
