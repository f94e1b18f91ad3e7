//! Giving away what a running sensor does not need.
//!
//! Loading and attaching take rights, counting takes few. [`enter`] is called between the two, while the process has one
//! thread: capabilities and Landlock belong to threads, and every later one inherits them.

mod capabilities;
mod files;
mod user;

use std::{fmt, io, path::PathBuf};

pub use caps::Capability;
pub(crate) use files::offered;
pub use user::{UserError, become_user};

use crate::kernel::list;

/// Which files a running sensor is at.
#[derive(Clone, Debug, Default)]
pub struct Directories {
    /// Directories that it writes to, with all that is in them. They have to exist.
    pub writable: Vec<PathBuf>,
    /// Directories and files that it reads besides, with all that is in them. /proc and /sys are always among them.
    pub readable: Vec<PathBuf>,
}

/// Why rights could not be given away.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// prctl(2) or capset(2) failed.
    #[error("giving capabilities away failed: {0}; --no-sandbox keeps them")]
    Capabilities(#[from] caps::errors::CapsError),
    /// prctl(2) failed.
    #[error("setting no_new_privs failed: {0}; --no-sandbox goes without")]
    NoNewPrivileges(io::Error),
    /// The kernel has Landlock, but refused the rules.
    #[error("Landlock refused the rules: {0}; --no-sandbox goes without")]
    Landlock(#[from] landlock::RulesetError),
}

/// What is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confined {
    /// Capabilities that are kept.
    pub capabilities: Vec<Capability>,
    /// A directory that only CAP_DAC_OVERRIDE can write to, which is kept for it.
    pub foreign: Option<PathBuf>,
    /// How far Landlock goes.
    pub landlock: Landlock,
}

/// How far Landlock goes on this kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landlock {
    /// Files and TCP.
    Full,
    /// This kernel has an earlier version of its interface, the one with this number.
    Partial(u32),
    /// This kernel does not have it, or it is off.
    Missing,
}

/// What later versions of Landlock's interface hold back, and the first kernel with each: Documentation/userspace-api/landlock.rst.
const SINCE: [(u32, &str, &str); 4] = [
    (3, "truncating other files", "6.2"),
    (4, "TCP connections", "6.7"),
    (5, "ioctl on devices", "6.10"),
    (6, "signals to other processes", "6.12"),
];

impl fmt::Display for Landlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(f, "its own files, no TCP connections"),
            Self::Partial(version) => {
                let lacking = SINCE.iter().filter(|(since, ..)| since > version);
                let lacking: Vec<_> = lacking.map(|(_, what, kernel)| format!("{what} (Linux {kernel})")).collect();
                write!(f, "its own files; the Landlock of this kernel is too old to forbid {}", lacking.join(", "))
            }
            Self::Missing => write!(f, "all files, because this kernel has no Landlock (see /sys/kernel/security/lsm)"),
        }
    }
}

impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = if self.capabilities.is_empty() { "no capability".to_owned() } else { list(&self.capabilities) };
        write!(f, "rights left: {kept}")?;
        if self.capabilities.contains(&Capability::CAP_PERFMON) {
            f.write_str(" (which the verifier of this kernel asks for)")?;
        }
        write!(f, "; {}", self.landlock)
    }
}

/// Gives away, before anything is loaded, the capability that older kernels alone need for it.
///
/// # Errors
/// When the kernel refuses it.
pub fn begin() -> Result<(), SandboxError> {
    Ok(capabilities::leave_out_perfmon()?)
}

/// Gives away every capability but those that live operations need, the right to gain others, and
/// access to files that are not in `directories`. For the calling thread, and all that it will start. There is no way back.
///
/// # Errors
/// See [`SandboxError`].
pub fn enter(directories: &Directories) -> Result<Confined, SandboxError> {
    no_new_privileges().map_err(SandboxError::NoNewPrivileges)?;
    let landlock = files::confine(directories)?;
    let (capabilities, foreign) = capabilities::give_away(&directories.writable)?;
    Ok(Confined { capabilities, foreign, landlock })
}

fn no_new_privileges() -> io::Result<()> {
    // SAFETY: prctl(2) with plain numbers; the unused ones have to be 0.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
