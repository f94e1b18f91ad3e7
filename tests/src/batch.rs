//! The way of reading that a drain was measured against: a per-CPU array, copied by BPF_MAP_LOOKUP_BATCH.

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
};

use crate::syscall::{bpf, descriptor};

const MAP_CREATE: libc::c_int = 0;
const MAP_LOOKUP_BATCH: libc::c_int = 24;
const PERCPU_ARRAY: u32 = 6;

/// A per-CPU array with values of `N` counters.
pub struct PerCpuArray<const N: usize> {
    fd: OwnedFd,
    entries: u32,
    cpus: usize,
}

/// The head of `union bpf_attr` for BPF_MAP_CREATE.
#[repr(C)]
struct Create {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

/// The head of `union bpf_attr` for BPF_MAP_LOOKUP_BATCH.
#[repr(C)]
struct Batch {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

impl<const N: usize> PerCpuArray<N> {
    /// Makes one with `entries` values on each of `cpus` CPUs, all zero.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn new(entries: u32, cpus: usize) -> io::Result<Self> {
        let value_size = u32::try_from(N * size_of::<u64>()).map_err(io::Error::other)?;
        let attr = Create { map_type: PERCPU_ARRAY, key_size: 4, value_size, max_entries: entries };
        Ok(Self { fd: descriptor(MAP_CREATE, &attr)?, entries, cpus })
    }

    /// Copies everything out, `chunk` entries a call, and adds up the CPUs.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn read(&self, chunk: u32, sums: &mut [[u64; N]]) -> io::Result<()> {
        let map_fd = u32::try_from(self.fd.as_raw_fd()).map_err(io::Error::other)?;
        let mut keys = vec![0_u32; chunk as usize];
        let mut values = vec![[0_u64; N]; chunk as usize * self.cpus];
        let mut position = 0_u32;
        let mut read = 0;
        sums.fill([0; N]);
        while read < self.entries {
            let mut attr = Batch {
                in_batch: if read == 0 { 0 } else { (&raw const position) as u64 },
                out_batch: (&raw mut position) as u64,
                keys: keys.as_mut_ptr() as u64,
                values: values.as_mut_ptr() as u64,
                count: chunk.min(self.entries - read),
                map_fd,
                elem_flags: 0,
                flags: 0,
            };
            match bpf(MAP_LOOKUP_BATCH, &raw mut attr) {
                // ENOENT says that this was the last one.
                Err(error) if error.raw_os_error() != Some(libc::ENOENT) => return Err(error),
                _ => {}
            }
            for (&key, parts) in keys.iter().zip(values.chunks_exact(self.cpus)).take(attr.count as usize) {
                for part in parts {
                    sums[key as usize].iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
                }
            }
            if attr.count == 0 {
                return Err(io::Error::other("a batch of nothing"));
            }
            read += attr.count;
        }
        Ok(())
    }
}
