//! bpf(2), for what aya has no call for.

use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd},
};

/// Calls bpf(2) with the head of `union bpf_attr` that the command reads and writes. Pointers in it must be valid for the
/// lengths beside them.
pub(crate) fn bpf<T>(command: libc::c_int, attr: *const T) -> io::Result<i32> {
    // SAFETY: the kernel reads and writes `size_of::<T>()` bytes of the attribute, and the buffers that the callers size
    // for the counts that they pass.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attr, size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { i32::try_from(result).map_err(io::Error::other) }
}

/// The same for a command that gives a descriptor.
pub(crate) fn descriptor<T>(command: libc::c_int, attr: &T) -> io::Result<OwnedFd> {
    let fd = bpf(command, attr)?;
    // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
