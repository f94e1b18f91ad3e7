//! What the process is allowed to do, said in the kernel's own terms.

use std::{fmt, fs};

use caps::{CapSet, Capability};

/// Loading and attaching takes these two, and nothing else.
const NEEDED: [Capability; 2] = [Capability::CAP_BPF, Capability::CAP_NET_ADMIN];

/// The rights of this process, as far as they decide over XDP.
#[derive(Debug, PartialEq, Eq)]
pub struct Rights {
    /// Capabilities that are needed and not held.
    pub missing: Vec<&'static str>,
    /// Whether a seccomp filter is in force (containers have one).
    pub seccomp: bool,
}

impl Rights {
    /// Whether nothing that is looked at stands in the way.
    pub fn suffice(&self) -> bool {
        self.missing.is_empty() && !self.seccomp
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.missing.is_empty() {
            let verb = if self.missing.len() == 1 { "is" } else { "are" };
            write!(f, "{} {verb} missing; start it as root or give the process", self.missing.join(" and "))?;
            return f.write_str(" CAP_BPF and CAP_NET_ADMIN (AmbientCapabilities= in a systemd unit)");
        }
        if self.seccomp {
            return f.write_str("a seccomp filter is in force; allow bpf(2), as in a container's security profile");
        }
        f.write_str("all capabilities are held; a security module (dmesg tells which) forbids it")
    }
}

/// The capabilities that [`NEEDED`] names and this thread does not have.
fn missing_capabilities() -> Vec<&'static str> {
    NEEDED
        .into_iter()
        .filter(|&capability| !caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false))
        .map(name)
        .collect()
}

pub(crate) fn current() -> Rights {
    Rights { missing: missing_capabilities(), seccomp: seccomp_in_force() }
}

const fn name(capability: Capability) -> &'static str {
    match capability {
        Capability::CAP_BPF => "CAP_BPF",
        _ => "CAP_NET_ADMIN",
    }
}

/// Mode 2 is a filter: proc_pid_status(5).
fn seccomp_in_force() -> bool {
    fs::read_to_string("/proc/thread-self/status")
        .is_ok_and(|status| status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"])))
}
