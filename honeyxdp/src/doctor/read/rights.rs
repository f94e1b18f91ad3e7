//! Capabilities, seccomp, and a program that is loaded on trial.

use std::time::Instant;

use crate::{
    doctor::rights::{Loaded, Process},
    kernel::{self, Options, Program},
    sandbox,
};

/// Loads the program if there is room for its maps; it is attached to nothing, and gone afterwards.
pub(super) fn read(room: bool) -> Process {
    let rights = kernel::rights();
    let load = (rights.missing.is_empty() && room).then(load);
    Process { missing: rights.missing, seccomp: rights.seccomp, load }
}

fn load() -> Result<Loaded, String> {
    // With the rights that a sensor loads it with.
    sandbox::begin().map_err(|error| error.to_string())?;
    let start = Instant::now();
    // The smallest rings: they are not what may fail.
    let options = Options { record_memory: 0, ..Options::default() };
    let (mut program, _maps) = Program::load(&options).map_err(|error| error.to_string())?;
    let took = start.elapsed();
    let jited = program.xdp().info().ok().map(|info| info.size_jitted() > 0);
    Ok(Loaded { jited, took })
}
