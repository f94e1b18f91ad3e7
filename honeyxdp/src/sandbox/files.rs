//! Landlock: which files can be opened, and that no TCP connection is.

use std::path::PathBuf;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};

use super::{Folders, Landlock};

/// The version whose rights are asked for: Linux 6.12. An older kernel gives what it has.
const VERSION: ABI = ABI::V6;

/// What every sensor reads while it runs: CPUs, its own state, kernel types, local time.
const READABLE: [&str; 5] = ["/proc", "/sys", "/etc/localtime", "/usr/share/zoneinfo", "/dev/urandom"];
/// What the live table asks for its size, and where output goes that nobody wants.
const DEVICES: [&str; 2] = ["/dev/tty", "/dev/null"];

/// Confines the calling thread.
pub(super) fn confine(folders: &Folders) -> Result<Landlock, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let readable = READABLE.into_iter().map(PathBuf::from).chain(folders.readable.iter().cloned());
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(AccessNet::ConnectTcp)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(readable, read))?
        .add_rules(path_beneath_rules(DEVICES, AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev))?
        .add_rules(path_beneath_rules(&folders.writable, AccessFs::from_all(VERSION) & !AccessFs::Execute))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Landlock::Full,
        RulesetStatus::PartiallyEnforced => Landlock::Partial,
        RulesetStatus::NotEnforced => Landlock::Missing,
    })
}
