//! Capabilities of the calling thread.

use std::{
    ffi::CString,
    io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};

use crate::kernel::needed_capabilities;

/// Gives CAP_PERFMON away where the kernel takes the program without it, so that it is held to the verifier's rules against
/// speculation. Who has CAP_SYS_ADMIN is above them in any case.
pub(super) fn leave_out_perfmon() -> Result<(), CapsError> {
    let needless = Capability::CAP_PERFMON;
    if needed_capabilities().contains(&needless) || caps::has_cap(None, CapSet::Effective, Capability::CAP_SYS_ADMIN)? {
        return Ok(());
    }
    [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted]
        .into_iter()
        .try_for_each(|set| caps::drop(None, set, needless))
}

/// Gives away all but what is needed, from every set. Returns what is kept, and the directory, if any, for which that is more.
pub(super) fn give_away(writable: &[PathBuf]) -> Result<(Vec<Capability>, Option<PathBuf>), CapsError> {
    let held = caps::read(None, CapSet::Permitted)?;
    let mut kept: CapsHashSet = needed_capabilities().iter().copied().filter(|needed| held.contains(needed)).collect();

    // Root may write to another user's directory by CAP_DAC_OVERRIDE alone. Without it every snapshot would fail.
    let before = caps::read(None, CapSet::Effective)?;
    caps::set(None, CapSet::Effective, &kept)?;
    let foreign = writable.iter().find(|directory| !may_write(directory)).cloned();
    let foreign = foreign.filter(|_| before.contains(&Capability::CAP_DAC_OVERRIDE));
    if foreign.is_some() {
        kept.insert(Capability::CAP_DAC_OVERRIDE);
    }

    caps::clear(None, CapSet::Ambient)?;
    if before.contains(&Capability::CAP_SETPCAP) {
        caps::set(None, CapSet::Effective, &CapsHashSet::from([Capability::CAP_SETPCAP]))?;
        let bounding = caps::read(None, CapSet::Bounding)?;
        for &capability in bounding.difference(&kept) {
            caps::drop(None, CapSet::Bounding, capability)?;
        }
    }
    // Without CAP_SETPCAP the bounding set stays; no_new_privs makes it matter no more.
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    caps::clear(None, CapSet::Inheritable)?;
    let mut kept: Vec<Capability> = kept.into_iter().collect();
    kept.sort_by_key(|capability| std::cmp::Reverse(capability.index()));
    Ok((kept, foreign))
}

/// Whether the rights in force let files be made in a directory. A file system that is read-only is another matter.
fn may_write(directory: &Path) -> bool {
    let Ok(path) = CString::new(directory.as_os_str().as_bytes()) else {
        return true;
    };
    // faccessat(2) judges root by its permitted capabilities; only the newer call looks at the effective ones.
    // SAFETY: the path is a C string that outlives the call.
    let result = unsafe {
        libc::syscall(libc::SYS_faccessat2, libc::AT_FDCWD, path.as_ptr(), libc::W_OK | libc::X_OK, libc::AT_EACCESS)
    };
    result == 0 || io::Error::last_os_error().kind() != io::ErrorKind::PermissionDenied
}
