//! Attaches the program to an interface by a BPF link.
//!
//! aya's attach falls back to a netlink attachment when the kernel refuses a link with EINVAL, and that attachment outlives
//! the process. This module creates the link itself: the kernel detaches the program when the last descriptor of the link
//! is closed, however the process ends.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::programs::loaded_programs;

use super::{
    interfaces::{Interface, InterfaceError, Interfaces},
    mode::{Mode, ModeChoice},
    program::Program,
    rights::{self, Rights},
    syscall,
};

/// The program on one interface. Dropping it detaches.
#[derive(Debug)]
pub struct Attachment {
    /// The interface at the time of attaching.
    pub interface: Interface,
    /// Mode, as the kernel reports it.
    pub mode: Mode,
    /// Reason for the fallback from native mode, if it was tried first.
    pub fallback: Option<String>,
    /// The BPF link that keeps it attached.
    link: OwnedFd,
}

impl Attachment {
    /// The BPF link that keeps it attached.
    pub(super) const fn link(&self) -> &OwnedFd {
        &self.link
    }

    /// Replaces the program atomically.
    pub(super) fn replace(&self, program: &Program) -> io::Result<()> {
        syscall::update_link(self.link.as_fd(), program.fd().map_err(io::Error::other)?.as_fd())
    }
}

/// Why the program cannot be attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The process lacks the privileges to attach.
    #[error("attaching to {interface} is not permitted: {rights}")]
    Rights {
        /// Where.
        interface: String,
        /// What is missing.
        rights: Rights,
    },
    /// Another XDP program is attached.
    #[error("{interface} already has an XDP program: {program}; {remedy}")]
    Occupied {
        /// Where.
        interface: String,
        /// Id of that program, with its name if that may be read.
        program: String,
        /// Command that resolves the conflict.
        remedy: String,
    },
    /// The driver does not support native XDP, or not with its current settings.
    #[error("{interface} refuses {mode} XDP: {source} ({hint})")]
    Refused {
        /// Where.
        interface: String,
        /// What was tried.
        mode: Mode,
        /// What the kernel said.
        source: io::Error,
        /// The usual cause.
        hint: String,
    },
    /// The pinned link has another mode than requested.
    #[error(
        "{interface} is attached in {found} mode, but --mode {asked} was requested: run `honeyxdp detach -i {interface}` first, or use --mode auto"
    )]
    PinnedMode {
        /// Where.
        interface: String,
        /// How it is attached.
        found: Mode,
        /// What was asked for.
        asked: Mode,
    },
    /// The kernel reports another mode or program than requested.
    #[error("{interface}: the kernel reports {found}, but {mode} mode was requested")]
    Changed {
        /// Where.
        interface: String,
        /// What was asked for.
        mode: Mode,
        /// What netlink says.
        found: String,
    },
    /// The interface disappeared during the start.
    #[error("{interface} was removed during the start; start again when it is back")]
    Gone {
        /// What is gone.
        interface: String,
    },
    /// The interface could not be queried.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// The program is not loaded.
    #[error(transparent)]
    Program(#[from] aya::programs::ProgramError),
}

/// Attaches `program` to `interface`.
///
/// # Errors
/// Returns an error if the program cannot be attached; nothing stays attached then.
pub async fn attach(
    program: &Program,
    interfaces: &Interfaces,
    interface: Interface,
    choice: ModeChoice,
) -> Result<Attachment, AttachError> {
    let first = match choice {
        ModeChoice::Auto => Mode::Native,
        ModeChoice::Only(mode) => mode,
    };
    let attempt = attach_as(program, interfaces, &interface, first).await;
    let (mode, fallback, link) = match attempt {
        Ok(link) => (first, None, link),
        Err(error @ AttachError::Refused { .. }) if choice == ModeChoice::Auto => {
            let link = attach_as(program, interfaces, &interface, Mode::Generic).await?;
            (Mode::Generic, Some(error.to_string()), link)
        }
        Err(error) => return Err(error),
    };
    Ok(Attachment { interface, mode, fallback, link })
}

/// Puts `program` into the link that an earlier process pinned for `interface`.
pub(super) async fn adopt(
    program: &Program,
    interfaces: &Interfaces,
    interface: Interface,
    choice: ModeChoice,
    link: OwnedFd,
) -> Result<Attachment, AttachError> {
    let name = || interface.name.clone();
    // Check first: the mode of a link cannot change.
    let mode = interface.xdp.and_then(|xdp| xdp.mode);
    let mode = match (mode, choice) {
        (Some(found), ModeChoice::Only(asked)) if found != asked => {
            return Err(AttachError::PinnedMode { interface: name(), found, asked });
        }
        (Some(found), _) => found,
        (None, _) => {
            let found = "nothing, or something else than the pinned link".to_owned();
            return Err(AttachError::Changed { interface: name(), mode: Mode::Native, found });
        }
    };
    let id = program.id();
    syscall::update_link(link.as_fd(), program.fd()?.as_fd()).map_err(|source| AttachError::Refused {
        interface: name(),
        mode,
        source,
        hint: "it holds a program of another type; remove it with `honeyxdp detach`".to_owned(),
    })?;
    let found = interfaces.indexed(interface.index).await?.xdp;
    if found.is_some_and(|xdp| xdp.program_id == id && xdp.mode == Some(mode)) {
        return Ok(Attachment { interface, mode, fallback: None, link });
    }
    Err(AttachError::Changed { interface: name(), mode, found: format!("{found:?}") })
}

/// Attaches in this mode and verifies the result.
async fn attach_as(
    program: &Program,
    interfaces: &Interfaces,
    interface: &Interface,
    mode: Mode,
) -> Result<OwnedFd, AttachError> {
    let id = program.id();
    let link = match syscall::create_link(program.fd()?.as_fd(), interface.index, mode.flags()) {
        Ok(link) => link,
        // Query again: a conflicting program may have been attached after the list was read.
        Err(error) => {
            return Err(match interfaces.indexed(interface.index).await {
                Ok(found) => explain(error, found, mode),
                Err(InterfaceError::Unknown { .. }) => AttachError::Gone { interface: interface.name.clone() },
                Err(error) => error.into(),
            });
        }
    };
    let found = interfaces.indexed(interface.index).await?.xdp;
    if found.is_some_and(|xdp| xdp.program_id == id && xdp.mode == Some(mode)) {
        return Ok(link);
    }
    let found = found.map_or_else(|| "no program".to_owned(), |xdp| format!("{xdp:?}"));
    Err(AttachError::Changed { interface: interface.name.clone(), mode, found })
}

/// Explains an errno: bpf(2) returns no reason.
fn explain(error: io::Error, interface: Interface, mode: Mode) -> AttachError {
    let errno = error.raw_os_error().unwrap_or(0);
    if let (libc::EBUSY | libc::EEXIST, Some(xdp)) = (errno, interface.xdp) {
        let name = program_name(xdp.program_id).map_or_else(String::new, |name| format!(" ({})", name.escape_debug()));
        let remedy = format!(
            "stop its owner, or remove it with `ip link set dev {name} xdp off` (`bpftool net` lists all)",
            name = interface.name
        );
        let mode = xdp.mode.map_or_else(String::new, |mode| format!(", {mode}"));
        let program = format!("id {}{name}{mode}", xdp.program_id);
        return AttachError::Occupied { interface: interface.name, program, remedy };
    }
    if errno == libc::EPERM || errno == libc::EACCES {
        return AttachError::Rights { interface: interface.name, rights: rights::current() };
    }
    let hint = match (mode, errno) {
        (Mode::Native, libc::EOPNOTSUPP) => {
            "its driver has no native XDP, or refuses it with the present offloads: see `ethtool -k`, turn off lro and \
             rx-gro-hw, or use --mode generic"
                .to_owned()
        }
        (Mode::Native, _) => format!(
            "MTU {} may be too large for this driver, it may want fewer queues (`ethtool -L`), or lro and rx-gro-hw off \
             (`ethtool -K`)",
            interface.mtu
        ),
        (Mode::Generic, _) => "generic XDP works on every interface that is up; `dmesg` may say more".to_owned(),
    };
    AttachError::Refused { interface: interface.name, mode, source: error, hint }
}

/// Name of a loaded program; `None` without CAP_SYS_ADMIN, which listing programs needs.
pub(crate) fn program_name(id: u32) -> Option<String> {
    let program = loaded_programs().filter_map(Result::ok).find(|info| info.id() == id)?;
    program.name_as_str().map(str::to_owned)
}
