//! Map memory that the XDP program and user space share: sizes, errors, mapping.

use std::{
    io,
    marker::PhantomData,
    os::fd::{AsFd, AsRawFd as _},
    ptr,
    sync::atomic::{AtomicU64, Ordering},
};

use memmap2::{MmapOptions, MmapRaw};

use serde::{Deserialize, Serialize};

/// Why maps cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MapsError {
    /// The object has no such map.
    #[error("the eBPF object has no array map {0}: it was not built from these sources")]
    Missing(&'static str),
    /// mmap(2) failed.
    #[error("mapping {map} ({bytes} bytes) failed: {source}")]
    Mmap {
        /// Which map.
        map: &'static str,
        /// Its size.
        bytes: usize,
        /// What the kernel said.
        source: io::Error,
    },
    /// The generation flip failed.
    #[error("the generation flip failed: {0}")]
    Grace(io::Error),
}

/// Sizes of the maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Number of possible CPUs.
    pub cpus: usize,
    /// Slots of the flow cache in each shard, as a power of two.
    pub flow_bits: u32,
    /// Records in the ring of each CPU, as a power of two.
    pub ring_bits: u32,
}

impl Sizes {
    /// Number of a CPU's shard in one generation, as `honeyxdp_common::counters::shard` computes it.
    pub(super) const fn shard(self, generation: usize, cpu: usize) -> usize {
        generation * self.cpus + cpu
    }
}

/// Elements of an array map with BPF_F_MMAPABLE. Keeps the map alive.
#[derive(Debug)]
pub(super) struct Shared<T> {
    memory: MmapRaw,
    elements: PhantomData<T>,
}

impl<T: Copy> Shared<T> {
    /// Maps `elements` elements of an array map for reading and writing. `map` is its name.
    pub(super) fn map(fd: impl AsFd, map: &'static str, elements: usize) -> Result<Self, MapsError> {
        const { assert!(size_of::<T>().is_multiple_of(8), "the kernel rounds elements up to eight bytes") };
        let bytes = elements * size_of::<T>();
        MmapOptions::new()
            .len(bytes)
            .map_raw(fd.as_fd().as_raw_fd())
            .map(|memory| Self { memory, elements: PhantomData })
            .map_err(|source: io::Error| MapsError::Mmap { map, bytes, source })
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        self.memory.len() / size_of::<T>()
    }

    /// Pointer to the element at `index`. To dereference it, the kernel must not write the element at the same time.
    ///
    /// # Panics
    /// Panics if `index` is out of range.
    pub(super) fn element(&self, index: usize) -> *mut T {
        assert!(index < self.len(), "element {index} of {}", self.len());
        // SAFETY: it is inside the mapping, which lives as long as `self`.
        unsafe { self.memory.as_mut_ptr().cast::<T>().add(index) }
    }

    /// Copies the element at `index`, which the kernel does not write meanwhile.
    pub(super) fn read(&self, index: usize) -> T {
        // SAFETY: `element` checks the index, the mapping is page aligned, and shared types consist of integers, so every bit
        // pattern is valid.
        unsafe { ptr::read(self.element(index)) }
    }
}

impl Shared<u64> {
    /// Sets bits of a word.
    pub(super) fn set_bits(&self, word: usize, bits: u64) {
        self.words(word, 1)[0].fetch_or(bits, Ordering::Relaxed);
    }

    /// `count` words from `start`, as atomics.
    pub(super) fn words(&self, start: usize, count: usize) -> &[AtomicU64] {
        assert!(start + count <= self.len(), "{count} words from {start} on, of {}", self.len());
        // SAFETY: the words are inside the mapping, which is page aligned and lives as long as `self`. Words that the kernel
        // changes concurrently are accessed atomically.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast::<AtomicU64>().add(start), count) }
    }
}
