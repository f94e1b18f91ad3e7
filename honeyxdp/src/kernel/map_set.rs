//! The map set: maps that outlive a program and hold all counts and flows.
//!
//! A program is replaced under traffic for other filters, for an interface that came back, or by a new process. All programs
//! write the same maps, so no count is transferred, lost or counted twice.

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
};

use aya::{Ebpf, EbpfLoader};
use honeyxdp_common::{
    counters::{Counter, FAMILY_SLOTS, GENERATIONS, INTERFACE_COUNTERS, INTERFACES, PORTS},
    flow::{FLOW_BYTES, Position},
    responder::{EVENTS, PAYLOAD_BITS, PAYLOAD_BYTES},
    sketch,
};

use super::{
    memory::{MapsError, Shared, Sizes},
    syscall::{self, MapInfo},
};

/// BPF_F_MMAPABLE of linux/bpf.h.
const MMAPABLE: u32 = 1 << 10;

/// A map of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MapId {
    /// SYNs by port and family.
    Ports,
    /// All other counters, by interface.
    Interfaces,
    /// The flow cache.
    Flows,
    /// The rings of records.
    Records,
    /// Positions in the rings.
    Positions,
    /// HyperLogLog registers.
    Sketches,
    /// Registers of the whole run. Unused by programs: user space stores them here, so that they outlive the process.
    Totals,
    /// The active generation, the program's only variable.
    Generation,
    /// The rings of payloads.
    Payloads,
    /// Positions in them.
    PayloadPositions,
    /// Event counters of the responder.
    Events,
}

impl MapId {
    /// All maps.
    pub(super) const ALL: [Self; 11] = [
        Self::Ports,
        Self::Interfaces,
        Self::Flows,
        Self::Records,
        Self::Positions,
        Self::Sketches,
        Self::Totals,
        Self::Generation,
        Self::Payloads,
        Self::PayloadPositions,
        Self::Events,
    ];

    /// Name in the kernel and of the pin. A BPF file system rejects names with dots.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ports => "PORTS",
            Self::Interfaces => "INTERFACES",
            Self::Flows => "FLOWS",
            Self::Records => "RECORDS",
            Self::Positions => "POSITIONS",
            Self::Sketches => "SKETCHES",
            Self::Totals => "TOTALS",
            Self::Generation => "GENERATION",
            Self::Payloads => "PAYLOADS",
            Self::PayloadPositions => "PAYLOAD_POSITIONS",
            Self::Events => "EVENTS",
        }
    }

    /// Name in the object, if the program uses the map.
    const fn in_object(self) -> Option<&'static str> {
        match self {
            Self::Generation => Some(".bss"),
            Self::Totals => None,
            other => Some(other.name()),
        }
    }

    /// Bytes of an element, and number of elements.
    fn size(self, sizes: Sizes) -> (usize, usize) {
        let shards = GENERATIONS * sizes.cpus;
        match self {
            Self::Ports => (8, shards * PORTS * FAMILY_SLOTS),
            Self::Interfaces => (size_of::<Counter>(), shards * INTERFACES * INTERFACE_COUNTERS),
            Self::Flows => (FLOW_BYTES, shards << sizes.flow_bits),
            Self::Records => (FLOW_BYTES, sizes.cpus << sizes.ring_bits),
            Self::Positions => (size_of::<Position>(), sizes.cpus * 2),
            Self::Sketches => (8, shards * FAMILY_SLOTS * sketch::WORDS),
            Self::Totals => (8, FAMILY_SLOTS * sketch::WORDS),
            Self::Generation => (8, 1),
            Self::Payloads => (PAYLOAD_BYTES, sizes.cpus << PAYLOAD_BITS),
            Self::PayloadPositions => (size_of::<Position>(), sizes.cpus * 2),
            Self::Events => (8, shards * EVENTS),
        }
    }
}

/// Why the map set cannot be created or opened.
#[derive(Debug, thiserror::Error)]
pub enum MapSetError {
    /// A map cannot have more than 2^32 elements.
    #[error("{0} CPUs are too many for one map of counters")]
    TooManyCpus(usize),
    /// The kernel refused a map.
    #[error("the kernel refused map {map} of {bytes} bytes: {error}; {}", remedy(error))]
    Refused {
        /// Which map.
        map: &'static str,
        /// Its size.
        bytes: usize,
        /// What the kernel said.
        error: io::Error,
    },
    /// A map has another size than in this version.
    #[error("map {map} has another size than in this version of honeyxdp")]
    Size {
        /// Which map.
        map: &'static str,
    },
    /// An object with a map's name was not created by honeyxdp.
    #[error("{map} is not a map that honeyxdp created")]
    Foreign {
        /// Which map.
        map: &'static str,
    },
    /// A map of the object could not be replaced by that of the set.
    #[error("map {map} cannot be handed to the program: {source}")]
    Handed {
        /// Which map.
        map: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Advice for a refusal by the kernel.
pub(super) fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::OutOfMemory => {
            "memory is too low, or the limit of its control group (MemoryMax= of a unit): raise it, or lower --record-buffer"
        }
        io::ErrorKind::PermissionDenied => {
            "a seccomp filter or a security module forbids it; `honeyxdp doctor` lists the capabilities"
        }
        _ => "`honeyxdp doctor` lists what this kernel lacks",
    }
}

/// The maps, indexed by [`MapId`].
#[derive(Debug)]
pub struct MapSet {
    maps: [OwnedFd; MapId::ALL.len()],
    sizes: Sizes,
    seed: u64,
}

impl MapSet {
    /// Creates an empty set. `seed` of all hashes stays the same for the life of the set.
    pub(super) fn create(sizes: Sizes, seed: u64) -> Result<Self, MapSetError> {
        Self::of(sizes, seed, |id| {
            let (bytes, elements) = id.size(sizes);
            let number = |size| u32::try_from(size).map_err(|_| MapSetError::TooManyCpus(sizes.cpus));
            syscall::create_array(id.name(), number(bytes)?, number(elements)?, MMAPABLE)
                .map_err(|error| MapSetError::Refused { map: id.name(), bytes: bytes * elements, error })
        })
    }

    /// Opens a set, whose maps `open` returns by name. Compares their sizes, because the program writes by its own sizes.
    pub(super) fn open(
        sizes: Sizes,
        seed: u64,
        open: impl Fn(&'static str) -> io::Result<OwnedFd>,
    ) -> Result<Self, MapSetError> {
        Self::of(sizes, seed, |id| {
            let map = id.name();
            let handed = |source| MapSetError::Handed { map, source };
            let fd = open(map).map_err(handed)?;
            if !syscall::is_map(fd.as_fd()) {
                return Err(MapSetError::Foreign { map });
            }
            let MapInfo { kind, key_size, value_size, max_entries, flags, .. } =
                syscall::map_info(fd.as_fd()).map_err(handed)?;
            if (kind, key_size, flags) != (syscall::ARRAY, 4, MMAPABLE) {
                Err(MapSetError::Foreign { map })
            } else if id.size(sizes) != (value_size as usize, max_entries as usize) {
                Err(MapSetError::Size { map })
            } else {
                Ok(fd)
            }
        })
    }

    /// Bytes of all maps of such a set.
    pub(super) fn bytes(sizes: Sizes) -> usize {
        MapId::ALL.into_iter().map(|id| id.size(sizes)).map(|(bytes, elements)| bytes * elements).sum()
    }

    fn of(
        sizes: Sizes,
        seed: u64,
        map: impl FnMut(MapId) -> Result<OwnedFd, MapSetError>,
    ) -> Result<Self, MapSetError> {
        let maps: Vec<OwnedFd> = MapId::ALL.into_iter().map(map).collect::<Result<_, _>>()?;
        Ok(Self { maps: maps.try_into().expect("there is one for each"), sizes, seed })
    }

    /// Sizes of the maps.
    pub const fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Seed of the hashes.
    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn fd(&self, id: MapId) -> BorrowedFd<'_> {
        self.maps[id as usize].as_fd()
    }

    /// Maps the memory of a map, as `elements` of `T`.
    pub(super) fn memory<T: Copy>(&self, id: MapId, elements: usize) -> Result<Shared<T>, MapsError> {
        Shared::map(self.fd(id), id.name(), elements)
    }

    /// Makes the object's own maps minimal, because they are replaced.
    pub(super) fn announce(loader: &mut EbpfLoader<'_>) {
        for name in MapId::ALL.into_iter().filter_map(MapId::in_object) {
            loader.map_max_entries(name, 1);
        }
    }

    /// Replaces the object's own maps by those of the set, after the object and before the program is loaded.
    ///
    /// aya reuses maps only from pins. It has written its descriptor numbers into the program's instructions, and the kernel
    /// resolves them when the program is loaded. dup3(2) makes these numbers refer to the maps of the set.
    pub(super) fn hand_to(&self, ebpf: &Ebpf) -> Result<(), MapSetError> {
        for id in MapId::ALL {
            let Some(name) = id.in_object() else { continue };
            let handed = |source| MapSetError::Handed { map: id.name(), source };
            let own = match ebpf.map(name) {
                Some(aya::maps::Map::Array(map)) => map.fd().as_fd().as_raw_fd(),
                _ => return Err(handed(io::Error::other("the object has no such array"))),
            };
            // SAFETY: `own` stays open and stays aya's to close; only what it refers to changes, to another array map.
            if unsafe { libc::dup3(self.fd(id).as_raw_fd(), own, libc::O_CLOEXEC) } < 0 {
                return Err(handed(io::Error::last_os_error()));
            }
        }
        Ok(())
    }
}
