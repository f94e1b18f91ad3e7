//! The maps that outlive a program: everything that was counted, and what the next program goes on from.
//!
//! A program is replaced while frames come, for other filters, for an interface that came back, or by a new process after an
//! old one was killed. All of them write the same map_set, so nothing is carried over, lost or counted twice.

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
    maps::{MapsError, Shared, Sizes},
    syscall::{self, MapInfo},
};

/// BPF_F_MMAPABLE of linux/bpf.h.
const MMAPABLE: u32 = 1 << 10;

/// A map of the map_set.
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
    /// Registers of the whole run. No program knows it: user space keeps it here because it outlives the process.
    Totals,
    /// Which generation is written: the program's only variable.
    Generation,
    /// The rings of payloads.
    Payloads,
    /// Positions in them.
    PayloadPositions,
    /// What the responder did.
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

    /// Its name, in the kernel and as a pin: a BPF file system knows no names with dots.
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

    /// Its name in the object, if the program uses it.
    const fn in_object(self) -> Option<&'static str> {
        match self {
            Self::Generation => Some(".bss"),
            Self::Totals => None,
            other => Some(other.name()),
        }
    }

    /// Bytes of an element, and elements.
    fn size(self, sizes: Sizes) -> (usize, usize) {
        let parts = GENERATIONS * sizes.cpus;
        match self {
            Self::Ports => (8, parts * PORTS * FAMILY_SLOTS),
            Self::Interfaces => (size_of::<Counter>(), parts * INTERFACES * INTERFACE_COUNTERS),
            Self::Flows => (FLOW_BYTES, parts << sizes.flow_bits),
            Self::Records => (FLOW_BYTES, sizes.cpus << sizes.ring_bits),
            Self::Positions => (size_of::<Position>(), sizes.cpus * 2),
            Self::Sketches => (8, parts * FAMILY_SLOTS * sketch::WORDS),
            Self::Totals => (8, FAMILY_SLOTS * sketch::WORDS),
            Self::Generation => (8, 1),
            Self::Payloads => (PAYLOAD_BYTES, sizes.cpus << PAYLOAD_BITS),
            Self::PayloadPositions => (size_of::<Position>(), sizes.cpus * 2),
            Self::Events => (8, parts * EVENTS),
        }
    }
}

/// Why there is no map_set.
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
    /// A map has another size than this version gives it.
    #[error("map {map} has another size than this version of honeyxdp gives it")]
    Size {
        /// Which map.
        map: &'static str,
    },
    /// What has a map's name is none that honeyxdp made.
    #[error("{map} is not the map that honeyxdp makes under this name")]
    Foreign {
        /// Which map.
        map: &'static str,
    },
    /// A map of the object could not be replaced by that of the map_set.
    #[error("map {map} cannot be handed to the program: {source}")]
    Handed {
        /// Which map.
        map: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// What to do when the kernel refuses memory, or anything else.
pub(super) fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::OutOfMemory => {
            "there is too little memory, or its control group has too low a limit (MemoryMax= of a unit): give it more, or ask for \
             less with --record-buffer"
        }
        io::ErrorKind::PermissionDenied => {
            "a seccomp filter or a security module forbids it, `honeyxdp doctor` says which rights there are"
        }
        _ => "`honeyxdp doctor` says what this kernel lacks",
    }
}

/// The maps, each in the place of its number.
#[derive(Debug)]
pub struct MapSet {
    maps: [OwnedFd; MapId::ALL.len()],
    sizes: Sizes,
    seed: u64,
}

impl MapSet {
    /// An empty one. `seed` is what hashes begin with; it stays the same for as long as the map_set lives.
    pub(super) fn create(sizes: Sizes, seed: u64) -> Result<Self, MapSetError> {
        Self::of(sizes, seed, |kept| {
            let (bytes, elements) = kept.size(sizes);
            let number = |size| u32::try_from(size).map_err(|_| MapSetError::TooManyCpus(sizes.cpus));
            syscall::create_array(kept.name(), number(bytes)?, number(elements)?, MMAPABLE)
                .map_err(|error| MapSetError::Refused { map: kept.name(), bytes: bytes * elements, error })
        })
    }

    /// One whose maps `open` has, by name. Their sizes are compared: the program writes where its own sizes say.
    pub(super) fn open(
        sizes: Sizes,
        seed: u64,
        open: impl Fn(&'static str) -> io::Result<OwnedFd>,
    ) -> Result<Self, MapSetError> {
        Self::of(sizes, seed, |kept| {
            let map = kept.name();
            let handed = |source| MapSetError::Handed { map, source };
            let fd = open(map).map_err(handed)?;
            if !syscall::is_map(fd.as_fd()) {
                return Err(MapSetError::Foreign { map });
            }
            let MapInfo { kind, key_size, value_size, max_entries, flags, .. } =
                syscall::map_info(fd.as_fd()).map_err(handed)?;
            if (kind, key_size, flags) != (syscall::ARRAY, 4, MMAPABLE) {
                Err(MapSetError::Foreign { map })
            } else if kept.size(sizes) != (value_size as usize, max_entries as usize) {
                Err(MapSetError::Size { map })
            } else {
                Ok(fd)
            }
        })
    }

    /// Bytes that the maps of such a map_set take.
    pub(super) fn bytes(sizes: Sizes) -> usize {
        MapId::ALL.into_iter().map(|kept| kept.size(sizes)).map(|(bytes, elements)| bytes * elements).sum()
    }

    fn of(
        sizes: Sizes,
        seed: u64,
        map: impl FnMut(MapId) -> Result<OwnedFd, MapSetError>,
    ) -> Result<Self, MapSetError> {
        let maps: Vec<OwnedFd> = MapId::ALL.into_iter().map(map).collect::<Result<_, _>>()?;
        Ok(Self { maps: maps.try_into().expect("there is one for each"), sizes, seed })
    }

    /// How large it is.
    pub const fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// What hashes begin with.
    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn fd(&self, kept: MapId) -> BorrowedFd<'_> {
        self.maps[kept as usize].as_fd()
    }

    /// A map's memory, as `elements` of `T`.
    pub(super) fn memory<T: Copy>(&self, kept: MapId, elements: usize) -> Result<Shared<T>, MapsError> {
        Shared::map(self.fd(kept), kept.name(), elements)
    }

    /// Has the object's own maps made as small as can be: they are thrown away.
    pub(super) fn announce(loader: &mut EbpfLoader<'_>) {
        for name in MapId::ALL.into_iter().filter_map(MapId::in_object) {
            loader.map_max_entries(name, 1);
        }
    }

    /// Puts the map_set's maps in the place of the object's own, which is loaded and whose program is not.
    ///
    /// aya takes over maps only from pins. But it has written the numbers of its descriptors into the program's
    /// instructions, and the kernel looks up what they are when the program is loaded: so they are made to be the map_set's.
    pub(super) fn hand_to(&self, ebpf: &Ebpf) -> Result<(), MapSetError> {
        for kept in MapId::ALL {
            let Some(name) = kept.in_object() else { continue };
            let handed = |source| MapSetError::Handed { map: kept.name(), source };
            let own = match ebpf.map(name) {
                Some(aya::maps::Map::Array(map)) => map.fd().as_fd().as_raw_fd(),
                _ => return Err(handed(io::Error::other("the object has no such array"))),
            };
            // SAFETY: `own` stays open and stays aya's to close; only what it refers to changes, to another array map.
            if unsafe { libc::dup3(self.fd(kept).as_raw_fd(), own, libc::O_CLOEXEC) } < 0 {
                return Err(handed(io::Error::last_os_error()));
            }
        }
        Ok(())
    }
}
