//! The generation flip: afterwards the program writes the other generation of every map, and this one is stable.

use std::{
    fmt, io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::maps::{Array, Map, MapData, MapError};
use honeyxdp_common::counters::GENERATIONS;

use crate::kernel::{
    map_set::{MapId, MapSet},
    memory::MapsError,
    syscall,
};

/// The active generation.
pub(super) struct Generation {
    variable: Array<MapData, u64>,
    written: usize,
    grace: Grace,
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation").field("written", &self.written).finish_non_exhaustive()
    }
}

impl Generation {
    pub(super) fn take(map_set: &MapSet) -> Result<Self, MapsError> {
        let fd = || map_set.fd(MapId::Generation).try_clone_to_owned().map_err(MapsError::Grace);
        let grace = Grace::new(fd()?).map_err(MapsError::Grace)?;
        let variable: Array<_, u64> =
            MapData::from_fd(fd()?).map(Map::Array).and_then(Array::try_from).map_err(refused)?;
        let written = usize::from(variable.get(&0, 0).map_err(refused)? != 0);
        Ok(Self { variable, written, grace })
    }

    /// Flips the generations and waits some milliseconds until every run of the program that began before has ended. Returns
    /// the inactive generation.
    ///
    /// # Errors
    /// Returns an error if the kernel refuses the wait. The generation is unchanged then.
    pub(super) fn flip(&mut self) -> Result<usize, MapsError> {
        let (before, next) = (self.written, (self.written + 1) % GENERATIONS);
        self.set(next)?;
        if let Err(error) = self.grace.wait() {
            self.set(before)?;
            return Err(MapsError::Grace(error));
        }
        self.written = next;
        Ok(before)
    }

    fn set(&mut self, generation: usize) -> Result<(), MapsError> {
        self.variable.set(0, generation as u64, 0).map_err(refused)
    }
}

fn refused(error: MapError) -> MapsError {
    MapsError::Grace(io::Error::other(error))
}

/// Waits for the end of all running BPF programs.
///
/// Replacing a map in an array of maps waits for them before it returns (`maybe_wait_bpf_programs` in kernel/bpf/syscall.c).
/// No program uses this array; only the wait matters.
#[derive(Debug)]
struct Grace {
    outer: OwnedFd,
    inner: OwnedFd,
}

impl Grace {
    fn new(inner: OwnedFd) -> io::Result<Self> {
        Ok(Self { outer: syscall::create_array_of_maps(inner.as_fd())?, inner })
    }

    fn wait(&self) -> io::Result<()> {
        syscall::put_map(self.outer.as_fd(), self.inner.as_fd())
    }
}
