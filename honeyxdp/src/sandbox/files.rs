//! Landlock: which files can be opened, and that no TCP connection is.

use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};

use super::{Directories, Landlock};

/// The version whose rights are asked for: Linux 6.12. An older kernel gives what it has.
const VERSION: ABI = ABI::V6;

/// What every sensor reads while it runs: CPUs, its own state, kernel types, local time.
const READABLE: [&str; 5] = ["/proc", "/sys", "/etc/localtime", "/usr/share/zoneinfo", "/dev/urandom"];
/// What the live table asks for its size, and where output goes that nobody wants.
const DEVICES: [&str; 2] = ["/dev/tty", "/dev/null"];

/// Confines the calling thread.
pub(super) fn confine(directories: &Directories) -> Result<Landlock, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let readable = READABLE.into_iter().map(PathBuf::from).chain(directories.readable.iter().cloned());
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(AccessNet::ConnectTcp)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(readable, read))?
        .add_rules(path_beneath_rules(DEVICES, AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev))?
        .add_rules(path_beneath_rules(&directories.writable, AccessFs::from_all(VERSION) & !AccessFs::Execute))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Landlock::Full,
        RulesetStatus::PartiallyEnforced => Landlock::Partial(version().unwrap_or(0)),
        RulesetStatus::NotEnforced => Landlock::Missing,
    })
}

/// What this kernel's Landlock goes to, before anything is confined.
pub(crate) fn offered() -> Landlock {
    match version() {
        Some(version) if version >= VERSION as u32 => Landlock::Full,
        Some(version) => Landlock::Partial(version),
        None => Landlock::Missing,
    }
}

/// Version of Landlock's interface: landlock_create_ruleset(2). `None` where the kernel lacks it, or where it is off.
fn version() -> Option<u32> {
    const CREATE_RULESET_VERSION: u32 = 1;
    let (no_rules, no_bytes) = (std::ptr::null::<u8>(), 0_usize);
    // SAFETY: with this flag the kernel reads no memory.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, no_rules, no_bytes, CREATE_RULESET_VERSION) };
    u32::try_from(version).ok()
}
