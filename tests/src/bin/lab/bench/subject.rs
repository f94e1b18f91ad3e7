//! A program behind the generator.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use aya::{Ebpf, EbpfLoader, programs::ProgramFd};
use honeyxdp::{
    filter::{Filters, PrefixSet},
    kernel::{Maps, OBJECT, Options, Program},
};
use honeyxdp_common::{Family, FilterReason};
use lab::{clang, cpu, differential, generator, generator::Generator, random::Random};

/// How often the rings are read while a program is measured. A sensor in a flood does it more often.
const POLL: Duration = Duration::from_millis(1);

/// A program that is measured.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    program: Kind,
}

enum Kind {
    /// One of tests/bpf/designs.bpf.c.
    Design { object: Ebpf, name: &'static str },
    /// honeyxdp, or its twin.
    Honeyxdp { program: Program, maps: Box<Maps>, records: bool },
}

/// One measurement.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Time of one SYN, the generator included, ns.
    pub(crate) ns: f64,
    /// Records that found no room.
    pub(crate) lost: u64,
    /// SYNs from ignored sources.
    pub(crate) ignored: u64,
}

impl Subject {
    /// A program of tests/bpf/designs.bpf.c: `empty` or `lru`.
    pub(crate) fn design(name: &'static str, program: &'static str) -> anyhow::Result<Self> {
        let mut object = EbpfLoader::new().load(&clang::compile("designs")?)?;
        generator::load(&mut object, program)?;
        Ok(Self { name, program: Kind::Design { object, name: program } })
    }

    /// honeyxdp itself.
    pub(crate) fn honeyxdp(name: &'static str, options: &Options) -> anyhow::Result<Self> {
        Self::loaded(name, OBJECT, options)
    }

    /// Another object of the same program.
    pub(crate) fn loaded(name: &'static str, object: &[u8], options: &Options) -> anyhow::Result<Self> {
        let (program, maps) = Program::load_object(object, options).context(name)?;
        Ok(Self { name, program: Kind::Honeyxdp { program, maps: Box::new(maps), records: options.flow_bits > 0 } })
    }

    /// For the generator to call.
    pub(crate) fn fd(&mut self) -> anyhow::Result<&ProgramFd> {
        Ok(match &mut self.program {
            Kind::Design { object, name } => generator::program(object, name)?.fd()?,
            Kind::Honeyxdp { program, .. } => program.xdp().fd()?,
        })
    }

    /// What one SYN costs on this thread's CPU. Records are read meanwhile on the CPUs `readers`, as a sensor does.
    ///
    /// # Errors
    /// When a SYN was not counted.
    pub(crate) fn measure(&mut self, generator: &mut Generator, times: u32, readers: &[usize]) -> anyhow::Result<Cost> {
        generator.hand_to(self.fd()?)?;
        self.while_read(readers, || Ok((u64::from(times), generator.repeat(times)?)))
    }

    /// Lets `work` run SYNs through the program, which says how many and how long each took, and reads records meanwhile.
    pub(crate) fn while_read(
        &mut self,
        readers: &[usize],
        work: impl FnOnce() -> anyhow::Result<(u64, Duration)>,
    ) -> anyhow::Result<Cost> {
        let ns = |time: Duration| time.as_secs_f64() * 1e9;
        let Kind::Honeyxdp { maps, records, .. } = &mut self.program else {
            return Ok(Cost { ns: ns(work()?.1), ..Cost::default() });
        };
        let before = maps.counted().clone();
        let over = AtomicBool::new(false);
        let (result, taken) = thread::scope(|scope| {
            let reader = scope.spawn(|| -> anyhow::Result<u64> {
                let mut packets = 0;
                cpu::pin(readers)?;
                while !over.load(Ordering::Relaxed) {
                    if *records {
                        maps.records(None, |flow| packets += u64::from(flow.packets));
                    }
                    thread::sleep(POLL);
                }
                let cut = maps.flip()?;
                maps.records(Some(&cut), |flow| packets += u64::from(flow.packets));
                maps.counts(&cut);
                Ok(packets)
            });
            let result = work();
            over.store(true, Ordering::Relaxed);
            (result, reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let ((syns, time), taken) = (result?, taken?);
        let counted = maps.counted().since(&before);
        let ignored = counted.filtered(FilterReason::Source);
        ensure!(
            counted.syns() + ignored == syns,
            "{}: of {syns} SYNs it counted {} and took {ignored} for ignored sources",
            self.name,
            counted.syns()
        );
        ensure!(
            !*records || taken + counted.lost_packets() == counted.syns(),
            "{}: {} SYNs were counted, {taken} are in records, {} in lost ones",
            self.name,
            counted.syns(),
            counted.lost_packets()
        );
        Ok(Cost { ns: ns(time), lost: counted.lost_records(), ignored })
    }
}

/// No records and no sketches: counters alone.
pub(crate) fn counters_only() -> Options {
    Options { flow_bits: 0, ..Options::default() }
}

/// Every filter that there is, none of which takes a generated SYN out but that of 100,000 ignored prefixes, which hits
/// some.
///
/// # Errors
/// Never; the prefixes are well formed.
pub(crate) fn everything() -> anyhow::Result<Options> {
    let mut random = Random::new(16);
    let mut ignored = Vec::with_capacity(100_000);
    for number in 0..100_000 {
        let [a, b, c, d] = random.word().to_be_bytes();
        ignored.push(match number % 100 {
            0..50 => format!("{a}.{b}.{c}.0/24"),
            50..99 => format!("{a}.{b}.{c}.{d}"),
            _ => format!("2001:db8:{:x}::/48", random.half()),
        });
    }
    let locals = (1..=16_u8).map(|host| ([10, 0, 0, host].into(), [198, 51, 100, host].into()));
    let filters = Filters {
        destinations: PrefixSet::parse(["0.0.0.0/0"])?,
        ignored_sources: PrefixSet::parse(ignored.iter().map(String::as_str))?,
        ports: "0-60000".parse()?,
        families: !(1 << Family::ZMAP.wire_id()),
        public_addresses: locals.collect(),
    };
    Ok(Options { filters, ..Options::default() })
}

/// The same program in C, once it has shown that it counts like the host: random frames, and all named ones.
///
/// # Errors
/// Without clang, or when the twin counts a frame differently.
pub(crate) fn twin(frames: usize) -> anyhow::Result<Vec<u8>> {
    const WRONG: &str = "the twin in C is not the same program any more: mend tests/bpf/twin.bpf.c";
    let object = clang::compile("twin")?;
    let mut everything = everything()?;
    // A random frame seldom meets a prefix out of 2^24, so the comparison has larger ones.
    everything.filters.destinations = PrefixSet::parse(["0.0.0.0/1", "198.18.0.0/28", "2000::/4"])?;
    everything.filters.ignored_sources = PrefixSet::parse(["64.0.0.0/3", "198.18.0.64/26", "fe80::/10", "::/3"])?;
    everything.filters.public_addresses = [([198, 18, 0, 1].into(), [192, 0, 2, 1].into())].into();
    let sampled = Options { sample: 1, interfaces: vec![1, 2, 3], ..Options::default() };
    for (seed, options) in (1..).zip([Options::default(), everything, sampled]) {
        differential::compare_named(&object, &options).context(WRONG)?;
        differential::compare_object(&object, &options, seed, frames).context(WRONG)?;
    }
    Ok(object)
}
