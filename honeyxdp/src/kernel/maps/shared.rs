//! Memory of a map that the kernel program and this process share.

use std::{
    io,
    marker::PhantomData,
    os::fd::{AsFd, AsRawFd as _},
    ptr,
    sync::atomic::{AtomicU64, Ordering},
};

use memmap2::{MmapOptions, MmapRaw};

use super::MapsError;

/// The elements of an array map with BPF_F_MMAPABLE. It keeps the map alive.
#[derive(Debug)]
pub(in crate::kernel) struct Shared<T> {
    memory: MmapRaw,
    elements: PhantomData<T>,
}

impl<T: Copy> Shared<T> {
    /// Maps `elements` elements of an array map, to read and to write. `map` is its name.
    pub(in crate::kernel) fn map(fd: impl AsFd, map: &'static str, elements: usize) -> Result<Self, MapsError> {
        const { assert!(size_of::<T>().is_multiple_of(8), "the kernel rounds elements up to eight bytes") };
        let bytes = elements * size_of::<T>();
        MmapOptions::new()
            .len(bytes)
            .map_raw(fd.as_fd().as_raw_fd())
            .map(|memory| Self { memory, elements: PhantomData })
            .map_err(|source: io::Error| MapsError::Mmap { map, bytes, source })
    }

    /// Elements.
    pub(super) fn len(&self) -> usize {
        self.memory.len() / size_of::<T>()
    }

    /// The element at `index`. Whoever uses the pointer must know that the kernel does not write there meanwhile.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn element(&self, index: usize) -> *mut T {
        assert!(index < self.len(), "element {index} of {}", self.len());
        // SAFETY: it is inside the mapping, which lives as long as `self`.
        unsafe { self.memory.as_mut_ptr().cast::<T>().add(index) }
    }

    /// Copies the element at `index`, which the kernel does not write meanwhile.
    pub(super) fn read(&self, index: usize) -> T {
        // SAFETY: `element` checks the index, the mapping is page aligned, and every pattern of bits is a `T`: the types
        // that are shared consist of integers.
        unsafe { ptr::read(self.element(index)) }
    }
}

impl Shared<u64> {
    /// Sets bits of a word.
    pub(in crate::kernel) fn set_bits(&self, word: usize, bits: u64) {
        self.words(word, 1)[0].fetch_or(bits, Ordering::Relaxed);
    }

    /// `count` words from `start` on, as they are at each moment.
    pub(super) fn words(&self, start: usize, count: usize) -> &[AtomicU64] {
        assert!(start + count <= self.len(), "{count} words from {start} on, of {}", self.len());
        // SAFETY: they are inside the mapping, which is page aligned and lives as long as `self`; whole words that others
        // change may be read and written as atomics.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast::<AtomicU64>().add(start), count) }
    }
}
