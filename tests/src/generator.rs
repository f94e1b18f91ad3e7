//! SYNs made in the kernel, millions a second: for a program under test, or onto a veth.
//!
//! An XDP program writes every one of them (tests/bpf/generator.bpf.c), and BPF_PROG_TEST_RUN runs it: without a socket, a
//! copy or a system call per frame.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use aya::{
    Ebpf, EbpfLoader, TestRun as _, TestRunAttrs,
    maps::{Array, Map, MapData, ProgramArray},
    programs::{ProgramFd, TestRunOptions, Xdp, XdpMode},
};

use crate::{
    clang, craft,
    network::{OUTSIDE, SENSOR, VethPair},
};

/// Live frames that the kernel sends together, as a driver would.
const BATCH: u32 = 64;
/// Frames in one system call when nobody sets a rate: some tenths of a second.
const CALL: u64 = 1 << 18;
/// System calls a second when somebody does. Few, because each of them waits twice for a grace period of the kernel, some
/// hundredths of a second (`bpf_prog_change_xdp` in net/bpf/test_run.c).
const CALLS: u32 = 5;

/// Where SYNs come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// Any of 2 to the power of this many, by chance, at most 32.
    Random(u32),
    /// So many, one after the other: as soon as there were as many SYNs, every source was there.
    InTurn(u32),
}

/// What the generator makes: SYNs with Mirai's mark, from these sources to random addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Where they come from.
    pub sources: Sources,
    /// Destination ports are from 0 to one less than this.
    pub ports: u16,
}

impl Pattern {
    /// A flood with spoofed sources: 2^32 of them, 64 ports.
    pub const FLOOD: Self = Self { sources: Sources::Random(32), ports: 64 };
    /// A few bots that knock again and again: 256 sources, 4 ports.
    pub const FEW: Self = Self { sources: Sources::Random(8), ports: 4 };

    /// So many sources one after the other, each at one of 64 ports.
    pub const fn in_turn(sources: u32) -> Self {
        Self { sources: Sources::InTurn(sources), ports: 64 }
    }

    /// Different sources, at most.
    pub const fn sources(self) -> u64 {
        match self.sources {
            Sources::Random(bits) => 1 << bits,
            Sources::InTurn(sources) => sources as u64,
        }
    }
}

/// The generator, loaded.
pub struct Generator {
    ebpf: Ebpf,
    made: Array<MapData, u64>,
    template: Vec<u8>,
}

impl Generator {
    /// Loads it.
    ///
    /// # Errors
    /// Without root or clang.
    ///
    /// # Panics
    /// When the pattern has no source or no port.
    pub fn new(pattern: Pattern) -> anyhow::Result<Self> {
        assert!(pattern.sources() > 0 && pattern.ports > 0, "{pattern:?}");
        let in_turn = u32::from(matches!(pattern.sources, Sources::InTurn(_)));
        let last = u32::try_from(pattern.sources() - 1).context("more sources than addresses")?;
        let mut ebpf = EbpfLoader::new()
            .override_global("IN_TURN", &in_turn, true)
            .override_global("LAST_SOURCE", &last, true)
            .override_global("PORTS", &u32::from(pattern.ports), true)
            .load(&clang::compile("generator")?)?;
        load(&mut ebpf, "generator")?;
        let made = ebpf.take_map(".bss").context("the generator has no variables")?;
        let made = match made {
            Map::Array(data) => Array::try_from(Map::Array(data))?,
            other => anyhow::bail!("its variables are no array: {other:?}"),
        };
        let mut template = craft::v4(&craft::Ipv4::default(), &craft::Tcp { window: 1024, ..craft::Tcp::default() });
        // For nobody, so that the network stack behind a program under test drops it at once. And as long as Ethernet has it.
        template[..12].fill(0);
        template.resize(60, 0);
        Ok(Self { ebpf, made, template })
    }

    /// Hands every SYN to this program from now on, whose answer becomes the generator's. It must be one for frames of
    /// several buffers (`xdp.frags`), as the generator is.
    ///
    /// # Errors
    /// When the kernel refuses to.
    pub fn hand_to(&mut self, program: &ProgramFd) -> anyhow::Result<()> {
        let mut next: ProgramArray<_> = self.ebpf.map_mut("NEXT").context("the generator has no NEXT")?.try_into()?;
        next.set(0, program, 0).context("the generator cannot call this program: is it for xdp.frags?")
    }

    /// SYNs made since it was loaded.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn made(&self) -> anyhow::Result<u64> {
        Ok(self.made.get(&0, 0)?)
    }

    /// Makes so many SYNs on this thread's CPU. They go nowhere, except through the program of [`Generator::hand_to`].
    /// Returns the time of one as the kernel measured it: with that program, and to a nanosecond.
    ///
    /// # Errors
    /// When the kernel does not run it.
    pub fn repeat(&mut self, times: u32) -> anyhow::Result<Duration> {
        let Self { ebpf, template, .. } = self;
        let options = TestRunOptions { data_in: Some(template), repeat: times, ..TestRunOptions::default() };
        Ok(program(ebpf, "generator")?.test_run(options)?.duration)
    }

    /// Makes so many SYNs and sends them on an interface of this thread's namespace.
    fn live(&mut self, interface: u32, times: u32) -> anyhow::Result<()> {
        /// `struct xdp_md` of linux/bpf.h: the frame's place, and the interface that it seems to come from.
        #[derive(Clone, Copy)]
        struct Context([u32; 6]);

        let Self { ebpf, template, .. } = self;
        let context = Context([0, u32::try_from(template.len())?, 0, interface, 0, 0]);
        let context: Vec<u8> = context.0.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let options = TestRunOptions {
            data_in: Some(template),
            ctx_in: Some(&context),
            repeat: times,
            attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
            ..TestRunOptions::default()
        };
        program(ebpf, "generator")?.test_run(options).context("sending frames that the kernel made")?;
        Ok(())
    }
}

/// How much to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many frames.
    Frames(u64),
    /// So long; a little longer.
    Time(Duration),
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Frames that arrived at the other end of the veth.
    pub frames: u64,
    /// Frames that were made, but found no room in the veth.
    pub dropped: u64,
    /// How long it took.
    pub time: Duration,
}

impl Sent {
    /// Frames a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than it has")]
    pub fn rate(&self) -> f64 {
        self.frames as f64 / self.time.as_secs_f64()
    }
}

/// A generator at the outer end of a veth. Dropping it takes it off.
///
/// A veth takes such frames only while its far end is polled: that is so with a native XDP program there, or with generic
/// receive offload ([`Sender::poll_without_program`]).
pub struct Sender<'a> {
    veth: &'a VethPair,
    generator: Generator,
    /// A program on this end: only an interface with one takes frames that the kernel made.
    _end: Ebpf,
    interface: u32,
}

impl<'a> Sender<'a> {
    /// Puts a generator to the outer end of a veth.
    ///
    /// # Errors
    /// Without root or clang, or when there is a program already.
    pub fn new(veth: &'a VethPair, pattern: Pattern) -> anyhow::Result<Self> {
        let generator = Generator::new(pattern)?;
        let mut end = EbpfLoader::new().load(&clang::compile("designs")?)?;
        load(&mut end, "empty")?;
        let interface = veth.outside.inside(|| -> anyhow::Result<u32> {
            program(&mut end, "empty")?.attach(OUTSIDE, XdpMode::Driver)?;
            crate::network::index(OUTSIDE)
        })??;
        Ok(Self { veth, generator, _end: end, interface })
    }

    /// Lets the far end take frames without a native program: with a generic one, or with a packet socket.
    ///
    /// # Errors
    /// Without ethtool.
    pub fn poll_without_program(&self) -> anyhow::Result<()> {
        self.veth.sensor.run(&format!("ethtool -K {SENSOR} gro on")).map(drop)
    }

    /// Sends, at most `rate` frames a second if there is one, in bursts five times a second. Takes one CPU, on which the far end's program runs as well.
    ///
    /// # Errors
    /// When the kernel does not.
    pub fn send(&mut self, amount: Amount, rate: Option<u32>) -> anyhow::Result<Sent> {
        let dropped = self.dropped()?;
        let made = self.generator.made()?;
        let (veth, start) = (self.veth, Instant::now());
        veth.outside.inside(|| self.make(amount, rate, start))??;
        let time = start.elapsed();
        let (made, dropped) = (self.generator.made()? - made, self.dropped()? - dropped);
        Ok(Sent { frames: made - dropped, dropped, time })
    }

    fn make(&mut self, amount: Amount, rate: Option<u32>, start: Instant) -> anyhow::Result<()> {
        let mut sent = 0;
        let call = rate.map_or(CALL, |rate| u64::from((rate / CALLS).max(1)));
        loop {
            let left = match amount {
                Amount::Frames(frames) => frames - sent,
                Amount::Time(time) if start.elapsed() < time => call,
                Amount::Time(_) => 0,
            };
            if left == 0 {
                return Ok(());
            }
            let frames = left.min(call);
            self.generator.live(self.interface, u32::try_from(frames)?)?;
            sent += frames;
            if let Some(rate) = rate {
                #[expect(clippy::cast_precision_loss, reason = "to the microsecond it is exact for years")]
                let due = start + Duration::from_secs_f64(sent as f64 / f64::from(rate));
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
    }

    /// Frames that found no room in the veth: its far end counts them as received and dropped.
    fn dropped(&self) -> anyhow::Result<u64> {
        let text = self.veth.sensor.run(&format!("cat /sys/class/net/{SENSOR}/statistics/rx_dropped"))?;
        Ok(text.trim().parse()?)
    }
}

/// Loads a program of an object.
pub fn load(ebpf: &mut Ebpf, name: &str) -> anyhow::Result<()> {
    Ok(program(ebpf, name)?.load()?)
}

/// An XDP program of an object.
pub fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> anyhow::Result<&'a mut Xdp> {
    let program = ebpf.program_mut(name);
    ensure!(program.is_some(), "the object has no program {name}");
    Ok(program.context("there is one")?.try_into()?)
}
