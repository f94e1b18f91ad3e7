//! Switching to another user.

use std::{
    ffi::{CStr, CString},
    io,
};

use caps::{CapSet, errors::CapsError, securebits};

/// Why the user cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// No user has this name.
    #[error("there is no user {0:?}; create it with `useradd --system {0}`, or leave --user out")]
    Unknown(String),
    /// The user database cannot be read.
    #[error("cannot look up the user {0:?}: {1}")]
    Lookup(String, io::Error),
    /// The process may not switch to it.
    #[error("cannot switch to user {0:?}: {1}; --user needs root")]
    Change(String, io::Error),
    /// Capabilities would have been lost.
    #[error("cannot keep capabilities while changing the user: {0}; --user needs root")]
    Capabilities(#[from] CapsError),
}

/// Becomes this user, with its groups, and keeps all capabilities. New files belong to the user. The process must have one
/// thread.
///
/// # Errors
/// See [`UserError`].
pub fn become_user(name: &str) -> Result<(), UserError> {
    let c_name = CString::new(name).map_err(|_| UserError::Unknown(name.to_owned()))?;
    let user = look_up(&c_name).map_err(|error| UserError::Lookup(name.to_owned(), error))?;
    let (uid, gid) = user.ok_or_else(|| UserError::Unknown(name.to_owned()))?;
    // SAFETY: plain system call without pointers.
    if unsafe { libc::geteuid() } == uid {
        return Ok(());
    }
    let done = |result: libc::c_int| match result {
        0 => Ok(()),
        _ => Err(UserError::Change(name.to_owned(), io::Error::last_os_error())),
    };
    let held = caps::read(None, CapSet::Permitted)?;
    securebits::set_keepcaps(true)?;
    // SAFETY: the name is a string that ends with a zero and outlives the call.
    done(unsafe { libc::initgroups(c_name.as_ptr(), gid) })?;
    // SAFETY: plain system calls without pointers.
    done(unsafe { libc::setresgid(gid, gid, gid) })?;
    // SAFETY: as above.
    done(unsafe { libc::setresuid(uid, uid, uid) })?;
    // The permitted ones were kept, the effective ones were not.
    caps::set(None, CapSet::Effective, &held)?;
    securebits::set_keepcaps(false)?;
    Ok(())
}

/// Ids of a user and of its group; `None` if there is no such user.
fn look_up(name: &CStr) -> io::Result<Option<(libc::uid_t, libc::gid_t)>> {
    let mut text = vec![0; 1 << 14];
    loop {
        // SAFETY: all zero is a valid value of this plain structure.
        let mut user: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: every pointer is to memory that outlives the call, and the length is that of the buffer.
        let error =
            unsafe { libc::getpwnam_r(name.as_ptr(), &raw mut user, text.as_mut_ptr(), text.len(), &raw mut found) };
        match error {
            0 => return Ok((!found.is_null()).then_some((user.pw_uid, user.pw_gid))),
            libc::ERANGE if text.len() < 1 << 20 => text.resize(text.len() * 2, 0),
            // Some sources of users report a missing one as an error.
            libc::ENOENT | libc::ESRCH => return Ok(None),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}
