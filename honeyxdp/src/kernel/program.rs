//! The eBPF object and its loading.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    io,
    net::IpAddr,
};

use aya::{
    Ebpf, EbpfError, EbpfLoader,
    maps::ProgramArray,
    programs::{ProgramError, ProgramFd, Xdp},
};
use caps::Capability;
use honeyxdp_common::{counters::INTERFACES, flow::FLOW_BYTES};

use super::{
    filters::{FilterMaps, FilterMapsError},
    map_set::{MapSet, MapSetError, remedy},
    maps::Maps,
    memory::{MapsError, Sizes},
    responder::{self, ResponderMaps},
    rights::{self, Rights},
    version::{OLDEST_KERNEL, release, version},
};
use crate::{filter::Filters, payloads::Responder};

#[cfg(target_endian = "big")]
compile_error!("the eBPF object in the repository is little-endian; honeyxdp does not run on big-endian machines yet");

/// The embedded eBPF object, an ELF file built from honeyxdp-ebpf.
pub static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("HONEYXDP_EBPF_OBJECT_PATH"));

/// Default size of the rings of all CPUs, bytes: a tenth of a second of a flood in which no flow repeats.
const RECORD_MEMORY: usize = 64 << 20;

/// Name of the program in the object.
const PROGRAM: &str = "honeyxdp";
/// Name of the program that it tail-calls to answer or observe.
const SECOND: &str = "responder";

/// Load-time options of the program.
#[derive(Clone, Debug)]
pub struct Options {
    /// Interface indices by slot, at most [`INTERFACES`]; 0 for an interface that is gone.
    pub interfaces: Vec<u32>,
    /// Most log lines per second and CPU for SYNs that match; 0 removes logging from the program.
    pub trace_per_second: u32,
    /// Which SYNs are counted.
    pub filters: Filters,
    /// Whether counted SYNs are dropped.
    pub drop_counted: bool,
    /// Record one SYN in this many; 1 records all.
    pub sample: u32,
    /// Slots of each CPU's flow cache, as a power of two; 0 turns flow records off.
    pub flow_bits: u32,
    /// Bytes of the rings of all CPUs together; rounded to powers of two.
    pub record_memory: usize,
    /// Settings of payload capture and the responder.
    pub responder: Responder,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            trace_per_second: 0,
            filters: Filters::default(),
            drop_counted: false,
            sample: 1,
            flow_bits: 15,
            record_memory: RECORD_MEMORY,
            responder: Responder::default(),
        }
    }
}

impl Options {
    /// Memory of all maps on this machine, bytes.
    ///
    /// # Errors
    /// Returns an error if the number of CPUs cannot be read.
    pub(crate) fn kernel_memory(&self) -> io::Result<u64> {
        Ok(MapSet::bytes(self.sizes(possible_cpus()?)) as u64)
    }

    pub(super) fn sizes(&self, cpus: u32) -> Sizes {
        // Each CPU has its own ring. A ring below 1,024 records would fill up between two polls.
        let records = self.record_memory / FLOW_BYTES / cpus as usize;
        Sizes { cpus: cpus as usize, flow_bits: self.flow_bits, ring_bits: records.max(1_024).ilog2() }
    }
}

/// Why the program could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The kernel is too old.
    #[error(
        "kernel {release} is too old: honeyxdp needs Linux 5.18 or later (XDP on frames of several buffers, bpf_xdp_load_bytes)"
    )]
    Kernel {
        /// What `uname -r` says.
        release: String,
    },
    /// The process lacks the privileges to load.
    #[error("loading an XDP program is not permitted: {0}")]
    Rights(Rights),
    /// More interfaces than a program has slots for.
    #[error(
        "{0} interfaces are too many: a sensor watches at most {INTERFACES}, including those pinned by earlier starts"
    )]
    TooManyInterfaces(usize),
    /// The map set cannot be created.
    #[error(transparent)]
    MapSet(MapSetError),
    /// The list of CPUs could not be read.
    #[error("cannot read the number of CPUs from /sys/devices/system/cpu/possible: {0}")]
    Cpus(io::Error),
    /// The kernel, or aya, refused the object.
    #[error("the kernel refused the XDP program: {}", chain(.0))]
    Refused(#[from] EbpfError),
    /// The kernel is out of memory, or forbids the object despite all capabilities.
    #[error("the kernel refused the XDP program: {}; {}", chain(.error), remedy(.refusal))]
    Denied {
        /// What aya said.
        error: EbpfError,
        /// What the kernel said.
        refusal: io::Error,
    },
    /// The maps could not be reached.
    #[error(transparent)]
    Maps(#[from] MapsError),
    /// The filters could not be written into their maps.
    #[error(transparent)]
    Filters(#[from] FilterMapsError),
}

impl From<MapSetError> for LoadError {
    fn from(error: MapSetError) -> Self {
        let rights = rights::current();
        match error {
            MapSetError::Refused { error, .. }
                if error.kind() == io::ErrorKind::PermissionDenied && !rights.suffice() =>
            {
                Self::Rights(rights)
            }
            other => Self::MapSet(other),
        }
    }
}

/// A loaded program. Dropping it unloads it, unless a link or pin holds it.
#[derive(Debug)]
pub struct Program {
    ebpf: Ebpf,
    id: u32,
    tag: u64,
}

impl Program {
    /// Loads the program with a new map set.
    ///
    /// # Errors
    /// Returns an error if the kernel refuses the program or its maps.
    pub fn load(options: &Options) -> Result<(Self, Maps), LoadError> {
        Self::load_object(OBJECT, options)
    }

    /// Loads another object with the same programs, globals and maps, such as the C reference program of the benchmarks.
    ///
    /// # Errors
    /// As [`Program::load`].
    pub fn load_object(object: &[u8], options: &Options) -> Result<(Self, Maps), LoadError> {
        let map_set = MapSet::create(options.sizes(prepare()?), seed())?;
        Ok((Self::load_with(object, options, &map_set)?, Maps::take(&map_set)?))
    }

    /// Loads a program that writes to an existing map set, whose sizes take precedence over those of `options`.
    pub(super) fn load_with(object: &[u8], options: &Options, map_set: &MapSet) -> Result<Self, LoadError> {
        if options.interfaces.len() > INTERFACES {
            return Err(LoadError::TooManyInterfaces(options.interfaces.len()));
        }
        let sizes = map_set.sizes();
        let mut indices = [0; INTERFACES];
        indices[..options.interfaces.len()].copy_from_slice(&options.interfaces);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (cpus, slots) = (number(sizes.cpus), number(options.interfaces.len().max(1)));
        let (drop_counted, seed) = (u32::from(options.drop_counted), map_set.seed());
        let weakly_ordered = u32::from(!cfg!(target_arch = "x86_64"));
        let filters = FilterMaps::new(&options.filters);
        let responder = ResponderMaps::new(&options.responder);

        let mut loader = EbpfLoader::new();
        loader
            .override_global("CPUS", &cpus, true)
            .override_global("SLOTS", &slots, true)
            .override_global("INTERFACE_SLOTS", &indices[..], true)
            .override_global("TRACE_PER_SECOND", &options.trace_per_second, true)
            .override_global("DROP_COUNTED", &drop_counted, true)
            .override_global("SAMPLE", &options.sample, true)
            .override_global("FLOW_BITS", &sizes.flow_bits, true)
            .override_global("RING_BITS", &sizes.ring_bits, true)
            .override_global("SEED", &seed, true)
            .override_global("WEAKLY_ORDERED", &weakly_ordered, true);
        MapSet::announce(&mut loader);
        filters.announce(&mut loader);
        responder.announce(&mut loader);
        let mut ebpf = loader.load(object).map_err(refused)?;
        map_set.hand_to(&ebpf)?;
        filters.fill(&mut ebpf)?;
        responder.fill(&mut ebpf)?;
        let (id, tag) = load_program(&mut ebpf, PROGRAM).map_err(refused)?;
        if options.responder.is_on() {
            load_second(&mut ebpf)?;
        }
        Ok(Self { ebpf, id, tag })
    }

    /// The kernel's id of the program.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The kernel's hash over the program's instructions.
    pub const fn tag(&self) -> u64 {
        self.tag
    }

    /// aya's handle of the program, to attach it or to run it on a frame.
    pub fn xdp(&mut self) -> &mut Xdp {
        self.ebpf
            .program_mut(PROGRAM)
            .and_then(|program| program.try_into().ok())
            .expect("it was loaded under this name and type")
    }

    /// Excludes these addresses from answers.
    pub(super) fn except<'a>(&mut self, addresses: impl Iterator<Item = &'a IpAddr>) -> Result<(), FilterMapsError> {
        responder::except(&mut self.ebpf, addresses)
    }

    /// Its descriptor.
    pub(super) fn fd(&self) -> Result<&ProgramFd, ProgramError> {
        let program: &Xdp = self.ebpf.program(PROGRAM).expect("the object holds it").try_into()?;
        program.fd()
    }

    /// The loaded object, for aya-log.
    pub(super) const fn ebpf(&mut self) -> &mut Ebpf {
        &mut self.ebpf
    }
}

/// Loads the second program and registers it for the tail call. The kernel clears a program array when no process holds it, so
/// the registration ends with this process.
fn load_second(ebpf: &mut Ebpf) -> Result<(), LoadError> {
    load_program(ebpf, SECOND).map_err(refused)?;
    let program: &Xdp = ebpf.program(SECOND).expect("it was loaded").try_into().map_err(EbpfError::from)?;
    let fd = program.fd().and_then(|fd| Ok(fd.try_clone()?)).map_err(EbpfError::from)?;
    let map = ebpf.map_mut("PROGRAMS").ok_or(MapsError::Missing("PROGRAMS"))?;
    let mut programs = ProgramArray::try_from(map).map_err(EbpfError::from)?;
    Ok(programs.set(0, &fd, 0).map_err(EbpfError::from)?)
}

fn load_program(ebpf: &mut Ebpf, name: &str) -> Result<(u32, u64), EbpfError> {
    let program: &mut Xdp = ebpf.program_mut(name).expect("the object holds it").try_into()?;
    program.load()?;
    let info = program.info()?;
    Ok((info.id(), info.tag()))
}

/// Distinguishes missing privileges from other refusals.
fn refused(error: EbpfError) -> LoadError {
    let errno = sources(&error).find_map(|source| source.downcast_ref::<io::Error>()?.raw_os_error());
    let rights = rights::current();
    match errno {
        Some(libc::EPERM) if !rights.suffice() => LoadError::Rights(rights),
        Some(libc::EACCES) if !rights.missing.is_empty() => LoadError::Rights(rights),
        // The verifier returns EINVAL for some operations that need CAP_PERFMON, and EACCES for the others.
        Some(libc::EINVAL) if rights.missing.contains(&Capability::CAP_PERFMON) => LoadError::Rights(rights),
        Some(errno @ (libc::EPERM | libc::ENOMEM)) => {
            LoadError::Denied { error, refusal: io::Error::from_raw_os_error(errno) }
        }
        _ => LoadError::Refused(error),
    }
}

fn sources<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// The error and its causes. Of the verifier's log, thousands of lines, only the last ones, which name the fault.
fn chain(error: &EbpfError) -> String {
    const LINES: usize = 12;
    let mut text = String::new();
    for source in sources(error) {
        let part = source.to_string();
        if !text.ends_with(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
    }
    let lines: Vec<&str> = text.lines().collect();
    match lines.as_slice() {
        [first, rest @ ..] if rest.len() > LINES => {
            format!("{first}\n  ...\n{}", rest[rest.len() - LINES..].join("\n"))
        }
        _ => text,
    }
}

/// Checks the kernel version. Returns the number of possible CPUs.
pub(super) fn prepare() -> Result<u32, LoadError> {
    check_kernel()?;
    possible_cpus().map_err(LoadError::Cpus)
}

/// A random hash seed. It is secret, so that nobody can choose colliding sources.
pub(super) fn seed() -> u64 {
    RandomState::new().hash_one("honeyxdp")
}

fn check_kernel() -> Result<(), LoadError> {
    let release = release();
    match version(&release) {
        Some(version) if version < OLDEST_KERNEL => Err(LoadError::Kernel { release }),
        _ => Ok(()),
    }
}

/// One more than the highest CPU number that can ever appear: numbers may have gaps.
fn possible_cpus() -> io::Result<u32> {
    let text = fs::read_to_string("/sys/devices/system/cpu/possible")?;
    highest(&text).map(|highest| highest + 1).ok_or_else(|| io::Error::other(format!("it says {text:?}")))
}

fn highest(list: &str) -> Option<u32> {
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highest_cpu_is_last_in_the_list() {
        assert_eq!(highest("0\n"), Some(0));
        assert_eq!(highest("0-127\n"), Some(127));
        assert_eq!(highest("0-3,8-11\n"), Some(11));
        assert_eq!(highest("0,2\n"), Some(2));
        assert_eq!(highest("\n"), None);
    }

    #[test]
    fn rejects_too_many_interfaces() {
        let options = Options { interfaces: (1..=17).collect(), ..Options::default() };
        let error = Program::load(&options).unwrap_err().to_string();
        assert_eq!(
            error,
            "17 interfaces are too many: a sensor watches at most 16, including those pinned by earlier starts"
        );
    }

    #[test]
    fn object_is_readable_by_aya() {
        let object = aya_obj::Object::parse(OBJECT).unwrap();
        assert!(object.programs.contains_key(PROGRAM));
        for map in ["PORTS", "INTERFACES", "FLOWS", "RECORDS", "SKETCHES", "PAYLOADS", "EVENTS", ".bss", "TRACE_BUDGET"]
        {
            assert!(object.maps.contains_key(map), "{map} is missing");
        }
        assert_eq!(object.license.to_str(), Ok("Dual MIT/GPL"));
    }
}
