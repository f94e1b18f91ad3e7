//! Switching generations: from then on the program writes the other half of every map, and this half stands still.

use std::{
    fmt, io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::maps::{Array, Map, MapData, MapError};
use honeyxdp_common::counters::GENERATIONS;

use super::MapsError;
use crate::kernel::{
    map_set::{MapId, MapSet},
    syscall,
};

/// Which generation the program writes.
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

    /// Switches, and waits until no run of the program is left that began before: some milliseconds. Returns the generation
    /// that nobody writes any more.
    ///
    /// # Errors
    /// When the kernel does not let us wait. Then nothing was switched.
    pub(super) fn switch(&mut self) -> Result<usize, MapsError> {
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

/// A way to wait for the end of every run of a program that has begun.
///
/// When a map in an array of maps is replaced, the kernel waits for that before it returns (`maybe_wait_bpf_programs` in
/// kernel/bpf/syscall.c, for this very purpose). No program uses the array: only the waiting is needed.
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
