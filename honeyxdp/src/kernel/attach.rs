//! Attaching the program to an interface, by a BPF link.
//!
//! aya attaches too, but when the kernel refuses a link with EINVAL it falls back to an attachment over netlink, which
//! outlives the process that made it. So the link is created here: the kernel detaches the program when the last
//! descriptor of the link is closed, whatever ends the process.

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
    /// The interface as it was found.
    pub interface: Interface,
    /// The mode that the kernel reports.
    pub mode: Mode,
    /// Why native mode was not to be had, when it was tried first.
    pub fallback: Option<String>,
    /// The BPF link that keeps it attached.
    link: OwnedFd,
}

impl Attachment {
    /// The BPF link that keeps it attached.
    pub(super) const fn link(&self) -> &OwnedFd {
        &self.link
    }

    /// Puts another program in the place of the present one, in one step.
    pub(super) fn replace(&self, program: &Program) -> io::Result<()> {
        syscall::update_link(self.link.as_fd(), program.fd().map_err(io::Error::other)?.as_fd())
    }
}

/// Why the program cannot be attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The process may not attach programs.
    #[error("attaching to {interface} is not permitted: {rights}")]
    Rights {
        /// Where.
        interface: String,
        /// What is missing.
        rights: Rights,
    },
    /// Another program holds the place.
    #[error("{interface} already has an XDP program: {program}; {remedy}")]
    Occupied {
        /// Where.
        interface: String,
        /// Its id, and its name where that may be read.
        program: String,
        /// What to do about it.
        remedy: String,
    },
    /// The driver has no native XDP, or not with its present settings.
    #[error("{interface} refuses {mode} XDP: {source} ({hint})")]
    Refused {
        /// Where.
        interface: String,
        /// What was tried.
        mode: Mode,
        /// What the kernel said.
        source: io::Error,
        /// What usually stands in the way.
        hint: String,
    },
    /// What is pinned runs in another mode than was asked for.
    #[error(
        "{interface} is attached in {found} mode, and {asked} was asked for: `honeyxdp detach -i {interface}` first, or --mode auto"
    )]
    MapId {
        /// Where.
        interface: String,
        /// How it is attached.
        found: Mode,
        /// What was asked for.
        asked: Mode,
    },
    /// The kernel reports something else than what was asked for.
    #[error("{interface}: the kernel reports {found} where {mode} was asked for")]
    Changed {
        /// Where.
        interface: String,
        /// What was asked for.
        mode: Mode,
        /// What netlink says.
        found: String,
    },
    /// It was there when the start began.
    #[error("{interface} is gone: it was removed while the start was under way; start again when it is back")]
    Gone {
        /// What is gone.
        interface: String,
    },
    /// The interface could not be asked.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// The program is not loaded.
    #[error(transparent)]
    Program(#[from] aya::programs::ProgramError),
}

/// Attaches `program` to `interface`.
///
/// # Errors
/// See [`AttachError`]. Nothing stays attached then.
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

/// Puts `program` into a link that a process before this one has left on `interface`.
pub(super) async fn adopt(
    program: &Program,
    interfaces: &Interfaces,
    interface: Interface,
    choice: ModeChoice,
    link: OwnedFd,
) -> Result<Attachment, AttachError> {
    let name = || interface.name.clone();
    // Whether it could be done is asked before it is done: the mode of a link stays.
    let mode = interface.xdp.and_then(|xdp| xdp.mode);
    let mode = match (mode, choice) {
        (Some(found), ModeChoice::Only(asked)) if found != asked => {
            return Err(AttachError::MapId { interface: name(), found, asked });
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
        hint: "it holds a program of another kind; take it off with `honeyxdp detach`".to_owned(),
    })?;
    let found = interfaces.indexed(interface.index).await?.xdp;
    if found.is_some_and(|xdp| xdp.program_id == id && xdp.mode == Some(mode)) {
        return Ok(Attachment { interface, mode, fallback: None, link });
    }
    Err(AttachError::Changed { interface: name(), mode, found: format!("{found:?}") })
}

/// Attaches in this mode, and asks the kernel whether it did.
async fn attach_as(
    program: &Program,
    interfaces: &Interfaces,
    interface: &Interface,
    mode: Mode,
) -> Result<OwnedFd, AttachError> {
    let id = program.id();
    let link = match syscall::create_link(program.fd()?.as_fd(), interface.index, mode.flags()) {
        Ok(link) => link,
        // As it is now: the program that is in the way may have come after the list was read.
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

/// Puts the kernel's errno into words: bpf(2) hands out no reason with it.
fn explain(error: io::Error, interface: Interface, mode: Mode) -> AttachError {
    let errno = error.raw_os_error().unwrap_or(0);
    if let (libc::EBUSY | libc::EEXIST, Some(xdp)) = (errno, interface.xdp) {
        let name = program_name(xdp.program_id).map_or_else(String::new, |name| format!(" ({})", name.escape_debug()));
        let remedy = format!(
            "stop what owns it, or take it off with `ip link set dev {name} xdp off` (`bpftool net` lists all)",
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

/// Name of a loaded program. Listing programs takes CAP_SYS_ADMIN: without it the id has to do.
pub(crate) fn program_name(id: u32) -> Option<String> {
    let program = loaded_programs().filter_map(Result::ok).find(|info| info.id() == id)?;
    program.name_as_str().map(str::to_owned)
}
