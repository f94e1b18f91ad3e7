//! The counters, read from memory that the kernel shares.
//!
//! The maps are arrays that can be mapped (BPF_F_MMAPABLE), so a drain is a walk over memory: no system call per row and
//! no copy. Measured against the batch calls of bpf(2) by `cargo xtask bench drain`, see docs/benchmarks.md.

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _},
    sync::atomic::{AtomicU64, Ordering, fence},
};

use aya::{Ebpf, maps::Map};
use honeyxdp_common::{
    Disposition,
    counters::{BYTES, FAMILY_SLOTS, INTERFACE_COUNTERS, PORTS, SECONDARY, V6},
};
use memmap2::{MmapOptions, MmapRaw};

use crate::Counts;

/// Why the counters cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MapsError {
    /// The object has no such map.
    #[error("the eBPF object has no array map {0}: it was not built from these sources")]
    Missing(&'static str),
    /// mmap(2) failed.
    #[error("mapping the counters {map} ({bytes} bytes) failed: {source}")]
    Mmap {
        /// Which map.
        map: &'static str,
        /// Its size.
        bytes: usize,
        /// What the kernel said.
        source: io::Error,
    },
}

/// The counter maps of a loaded program.
#[derive(Debug)]
pub struct Maps {
    ports: Shared,
    interfaces: Shared,
    cpus: usize,
}

impl Maps {
    /// Takes the maps out of a loaded object that was sized for this many CPUs and interfaces.
    pub(super) fn take(ebpf: &mut Ebpf, cpus: usize, slots: usize) -> Result<Self, MapsError> {
        Ok(Self {
            ports: Shared::map(ebpf, "PORTS", cpus * PORTS * FAMILY_SLOTS)?,
            interfaces: Shared::map(ebpf, "INTERFACES", cpus * slots * INTERFACE_COUNTERS)?,
            cpus,
        })
    }

    /// Reads all counters into `counts`, whatever was in it.
    ///
    /// The program writes a SYN's port first and the rest after; this reads the rest first and the ports last. So a part
    /// (IPv6, secondary marks, bytes) is never larger than the whole it belongs to, although frames go on coming in.
    pub fn read(&self, counts: &mut Counts) {
        let mut sums = [0; INTERFACE_COUNTERS];
        self.interfaces.rows().for_each(|row| add(&mut sums, row));
        counts.dispositions.copy_from_slice(&sums[..V6]);
        // Of SYNs, the ports below are the count: see `Counts`.
        counts.dispositions[Disposition::Syn as usize] = 0;
        counts.families_v6.copy_from_slice(&sums[V6..SECONDARY]);
        counts.secondary.copy_from_slice(&sums[SECONDARY..BYTES]);
        counts.bytes = sums[BYTES];

        fence(Ordering::Acquire);
        let ports = counts.rows_mut();
        ports.fill([0; FAMILY_SLOTS]);
        for (at, row) in self.ports.rows().enumerate() {
            add(&mut ports[at % PORTS], row);
        }
    }

    /// Possible CPUs, each with a part of its own in the maps.
    pub const fn cpus(&self) -> usize {
        self.cpus
    }
}

/// The memory of one array map, which the kernel program goes on changing. It keeps the map alive.
#[derive(Debug)]
struct Shared(MmapRaw);

impl Shared {
    fn map(ebpf: &mut Ebpf, map: &'static str, counters: usize) -> Result<Self, MapsError> {
        let Some(Map::Array(data)) = ebpf.take_map(map) else {
            return Err(MapsError::Missing(map));
        };
        let bytes = counters * size_of::<u64>();
        MmapOptions::new()
            .len(bytes)
            .map_raw_read_only(data.fd().as_fd().as_raw_fd())
            .map(Self)
            .map_err(|source| MapsError::Mmap { map, bytes, source })
    }

    /// The map's counters, `N` at a time.
    fn rows<const N: usize>(&self) -> impl Iterator<Item = &[AtomicU64; N]> {
        // SAFETY: the mapping is read-only, page aligned, `len` bytes long and lives as long as `self`; whole words that
        // others change may be read as atomics, and nothing is ever written through them.
        let words: &[AtomicU64] =
            unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() / size_of::<u64>()) };
        words.as_chunks().0.iter()
    }
}

fn add<const N: usize>(sums: &mut [u64; N], row: &[AtomicU64; N]) {
    for (sum, counter) in sums.iter_mut().zip(row) {
        *sum += counter.load(Ordering::Relaxed);
    }
}
