//! Going on as another user.

use caps::{CapSet, errors::CapsError, securebits};
use nix::{
    errno::Errno,
    unistd::{Uid, User, initgroups, setresgid, setresuid},
};

/// Why the user cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is none of this name.
    #[error("there is no user {0:?}; make one with `useradd --system {0}`, or leave --user out")]
    Unknown(String),
    /// The list of users cannot be read.
    #[error("cannot look up the user {0:?}: {1}")]
    Lookup(String, Errno),
    /// The process may not change it.
    #[error("cannot go on as {0:?}: {1}; --user needs root")]
    Change(String, Errno),
    /// Capabilities would have been lost.
    #[error("cannot keep capabilities while changing the user: {0}; --user needs root")]
    Capabilities(#[from] CapsError),
}

/// Goes on as this user and with its groups, and keeps all capabilities. Files that are made from now on are the user's.
///
/// # Errors
/// See [`UserError`].
pub fn become_user(name: &str) -> Result<(), UserError> {
    let user = User::from_name(name).map_err(|error| UserError::Lookup(name.to_owned(), error))?;
    let user = user.ok_or_else(|| UserError::Unknown(name.to_owned()))?;
    if Uid::effective() == user.uid {
        return Ok(());
    }
    let change = |error| UserError::Change(name.to_owned(), error);
    let held = caps::read(None, CapSet::Permitted)?;
    securebits::set_keepcaps(true)?;
    let c_name = std::ffi::CString::new(name).map_err(|_| change(Errno::EINVAL))?;
    initgroups(&c_name, user.gid).map_err(change)?;
    setresgid(user.gid, user.gid, user.gid).map_err(change)?;
    setresuid(user.uid, user.uid, user.uid).map_err(change)?;
    // The permitted ones were kept, the effective ones were not.
    caps::set(None, CapSet::Effective, &held)?;
    securebits::set_keepcaps(false)?;
    Ok(())
}
