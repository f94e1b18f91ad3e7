//! The commands of bpf(2) that aya does not offer.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const LINK_CREATE: libc::c_int = 28;

/// Attaches a program to an interface by a link.
pub(super) fn create_link(program: BorrowedFd<'_>, interface: u32, flags: u32) -> io::Result<OwnedFd> {
    const ATTACH_XDP: u32 = 37;

    #[repr(C)]
    struct LinkCreate {
        program: i32,
        interface: u32,
        attach_type: u32,
        flags: u32,
    }

    descriptor(LINK_CREATE, &LinkCreate { program: program.as_raw_fd(), interface, attach_type: ATTACH_XDP, flags })
}

/// Makes an array of maps with one place, for maps that are like `inner`.
pub(super) fn create_array_of_maps(inner: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    const ARRAY_OF_MAPS: u32 = 12;

    #[repr(C)]
    struct MapCreate {
        kind: u32,
        key_size: u32,
        value_size: u32,
        max_entries: u32,
        flags: u32,
        inner: i32,
    }

    let attr = MapCreate {
        kind: ARRAY_OF_MAPS,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        flags: 0,
        inner: inner.as_raw_fd(),
    };
    descriptor(MAP_CREATE, &attr)
}

/// Puts a map into the one place of an array of maps, and waits until no program runs any more that ran before.
pub(super) fn put_map(outer: BorrowedFd<'_>, inner: BorrowedFd<'_>) -> io::Result<()> {
    #[repr(C)]
    struct MapUpdate {
        map: i32,
        _gap: u32,
        key: u64,
        value: u64,
        flags: u64,
    }

    let (key, value) = (0_u32, inner.as_raw_fd());
    let attr = MapUpdate {
        map: outer.as_raw_fd(),
        _gap: 0,
        key: (&raw const key) as u64,
        value: (&raw const value) as u64,
        flags: 0,
    };
    // SAFETY: `attr` is the head of the union for this command, and what it points to outlives the call.
    unsafe { bpf(MAP_UPDATE_ELEM, &attr) }.map(drop)
}

fn descriptor<T>(command: libc::c_int, attr: &T) -> io::Result<OwnedFd> {
    // SAFETY: the callers pass the head of the union for their command, without pointers.
    let fd = unsafe { bpf(command, attr) }?;
    // SAFETY: these commands return a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// bpf(2). The kernel takes what is left out at the end of its union as 0.
///
/// # Safety
/// `attr` is the head of `union bpf_attr` for this command, and what it points to is alive.
unsafe fn bpf<T>(command: libc::c_int, attr: &T) -> io::Result<i32> {
    // SAFETY: the kernel reads `size_of` bytes of `attr`, which is initialized and outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attr), size_of::<T>()) };
    match i32::try_from(result) {
        Ok(result) if result >= 0 => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}
