//! Privileges of the process: capabilities and seccomp.

use std::{fmt, fs};

use caps::{CapSet, Capability};

use super::version::{release, version};

/// First kernel known to load the program without CAP_PERFMON. 6.1 and 6.12 reject it; versions in between were not tested.
///
/// Without CAP_PERFMON the verifier checks speculative paths (Spectre v1), which no frame can take. Older kernels reject a
/// program for what they find there; newer ones insert a barrier.
const WITHOUT_PERFMON: (u32, u32) = (6, 18);

/// Capabilities for loading and attaching.
const NEEDED: [Capability; 2] = [Capability::CAP_BPF, Capability::CAP_NET_ADMIN];
/// The same before [`WITHOUT_PERFMON`].
const NEEDED_BEFORE: [Capability; 3] = [Capability::CAP_BPF, Capability::CAP_PERFMON, Capability::CAP_NET_ADMIN];

/// The capabilities that loading, attaching and changing filters take on this kernel.
pub fn needed() -> &'static [Capability] {
    needed_on(&release())
}

fn needed_on(release: &str) -> &'static [Capability] {
    match version(release) {
        Some(version) if version >= WITHOUT_PERFMON => &NEEDED,
        // An unknown version may need it.
        _ => &NEEDED_BEFORE,
    }
}

/// Privileges of this process that XDP needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Rights {
    /// Missing capabilities.
    pub missing: Vec<Capability>,
    /// Whether a seccomp filter is in force (containers have one).
    pub seccomp: bool,
}

impl Rights {
    /// Whether all checked privileges are present.
    pub fn suffice(&self) -> bool {
        self.missing.is_empty() && !self.seccomp
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.missing.is_empty() {
            let verb = if self.missing.len() == 1 { "is" } else { "are" };
            let (missing, needed) = (list(&self.missing), list(needed()));
            write!(f, "{missing} {verb} missing; start it as root or give the process {needed}")?;
            return f.write_str(" (AmbientCapabilities= in a systemd unit)");
        }
        if self.seccomp {
            return f.write_str("a seccomp filter is in force; allow bpf(2), as in a container's security profile");
        }
        f.write_str("all capabilities are held; a security module (dmesg tells which) forbids it")
    }
}

/// Needed capabilities that this thread lacks.
fn missing() -> Vec<Capability> {
    let held = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    needed().iter().copied().filter(|&capability| !held(capability)).collect()
}

pub(crate) fn current() -> Rights {
    Rights { missing: missing(), seccomp: seccomp_in_force() }
}

/// `one, another and a third`.
pub(crate) fn list(items: &[impl fmt::Display]) -> String {
    let words: Vec<String> = items.iter().map(ToString::to_string).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// Mode 2 is a filter: proc_pid_status(5).
fn seccomp_in_force() -> bool {
    fs::read_to_string("/proc/thread-self/status")
        .is_ok_and(|status| status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_kernels_need_cap_perfmon() {
        assert_eq!(needed_on("6.12.117+deb13-amd64"), NEEDED_BEFORE);
        assert_eq!(needed_on("6.18.0"), NEEDED);
        assert_eq!(needed_on("of no version"), NEEDED_BEFORE);
        assert_eq!(list(&NEEDED_BEFORE), "CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
        assert_eq!((list(&NEEDED), list(&NEEDED[..0])), ("CAP_BPF and CAP_NET_ADMIN".to_owned(), String::new()));
    }
}
