//! Commands of bpf(2) that aya does not offer.

use std::{
    ffi::CString,
    fs, io,
    os::{
        fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const OBJ_PIN: libc::c_int = 6;
const OBJ_GET: libc::c_int = 7;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const LINK_CREATE: libc::c_int = 28;
const LINK_UPDATE: libc::c_int = 29;
const LINK_DETACH: libc::c_int = 34;

/// BPF_MAP_TYPE_ARRAY of linux/bpf.h.
pub(super) const ARRAY: u32 = 2;

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

/// Replaces the program of a link atomically.
pub(super) fn update_link(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let attr = [link.as_raw_fd(), program.as_raw_fd(), 0, 0];
    // SAFETY: the head of the union for this command is two descriptors, flags and an old program, without pointers.
    unsafe { bpf(LINK_UPDATE, &attr) }.map(drop)
}

/// Detaches a link from its interface. The link object stays, without effect.
pub(super) fn detach_link(link: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the head of the union for this command is one descriptor.
    unsafe { bpf(LINK_DETACH, &link.as_raw_fd()) }.map(drop)
}

/// Creates an array map.
pub(super) fn create_array(name: &str, value_size: u32, max_entries: u32, flags: u32) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct MapCreate {
        kind: u32,
        key_size: u32,
        value_size: u32,
        max_entries: u32,
        flags: u32,
        inner: u32,
        numa_node: u32,
        name: [u8; 16],
    }

    let mut attr =
        MapCreate { kind: ARRAY, key_size: 4, value_size, max_entries, flags, inner: 0, numa_node: 0, name: [0; 16] };
    // The last byte stays 0.
    attr.name.iter_mut().take(15).zip(name.bytes()).for_each(|(to, byte)| *to = byte);
    descriptor(MAP_CREATE, &attr)
}

/// Head of `struct bpf_map_info`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct MapInfo {
    pub(super) kind: u32,
    id: u32,
    pub(super) key_size: u32,
    pub(super) value_size: u32,
    pub(super) max_entries: u32,
    pub(super) flags: u32,
}

/// Head of `struct bpf_link_info` of an XDP link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct LinkInfo {
    kind: u32,
    id: u32,
    /// Id of the program.
    pub(super) program: u32,
    _gap: u32,
    /// Interface index; 0 if the interface is gone.
    pub(super) interface: u32,
    _rest: u32,
}

pub(super) fn map_info(map: BorrowedFd<'_>) -> io::Result<MapInfo> {
    info(map)
}

pub(super) fn link_info(link: BorrowedFd<'_>) -> io::Result<LinkInfo> {
    info(link)
}

fn info<T: Default>(object: BorrowedFd<'_>) -> io::Result<T> {
    #[repr(C)]
    struct GetInfo {
        object: i32,
        length: u32,
        info: u64,
    }

    let mut info = T::default();
    let length = u32::try_from(size_of::<T>()).unwrap_or(0);
    let attr = GetInfo { object: object.as_raw_fd(), length, info: (&raw mut info) as u64 };
    // SAFETY: `attr` is the head of the union for this command, and the kernel writes `length` bytes of integers to `info`.
    unsafe { bpf(OBJ_GET_INFO_BY_FD, &attr) }.map(|_| info)
}

/// Whether a descriptor refers to a map. The kernel answers for every object type, each with another layout.
pub(super) fn is_map(object: BorrowedFd<'_>) -> bool {
    is(object, "bpf-map")
}

/// Whether a descriptor refers to a link.
pub(super) fn is_link(object: BorrowedFd<'_>) -> bool {
    is(object, "bpf_link") || is(object, "bpf-link")
}

fn is(object: BorrowedFd<'_>, kind: &str) -> bool {
    let shown = fs::read_link(format!("/proc/self/fd/{}", object.as_raw_fd()));
    shown.is_ok_and(|shown| shown.to_string_lossy().contains(kind))
}

#[repr(C)]
struct Pin {
    path: u64,
    object: i32,
    flags: u32,
}

/// Pins an object in a BPF file system.
pub(super) fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let attr = Pin { path: path.as_ptr() as u64, object: object.as_raw_fd(), flags: 0 };
    // SAFETY: `attr` is the head of the union for this command, and the path outlives the call.
    unsafe { bpf(OBJ_PIN, &attr) }.map(drop)
}

/// Opens a pinned object.
pub(super) fn pinned(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let attr = Pin { path: path.as_ptr() as u64, object: 0, flags: 0 };
    // SAFETY: as above.
    let fd = unsafe { bpf(OBJ_GET, &attr) }?;
    // SAFETY: the command returns a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Creates an array of maps with one element, for maps like `inner`.
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

/// Sets the element of an array of maps, and waits until all programs that were running have ended.
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

/// bpf(2). The kernel reads omitted bytes at the end of the union as 0.
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
