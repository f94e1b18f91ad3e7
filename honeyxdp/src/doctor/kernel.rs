//! The kernel: its version, its just-in-time compiler, and what it lets whom do with BPF.

use super::finding::Finding;
use crate::{
    kernel::{OLDEST_KERNEL, OLDEST_SUPPORTED, version},
    sandbox::Landlock,
};

/// What the kernel says about itself. `None` is what cannot be seen from here.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    /// `uname -r`.
    pub(super) release: String,
    /// Whether /sys/kernel/btf/vmlinux is there.
    pub(super) btf: bool,
    /// net.core.bpf_jit_enable. The kernel shows it in its first network namespace only.
    pub(super) jit: Option<u32>,
    /// Whether a program was compiled, when one could be loaded.
    pub(super) jited: Option<bool>,
    /// net.core.bpf_jit_harden.
    pub(super) harden: Option<u32>,
    /// kernel.bpf_stats_enabled.
    pub(super) stats: Option<u32>,
    /// kernel.unprivileged_bpf_disabled.
    pub(super) unprivileged: Option<u32>,
    /// The active word of /sys/kernel/security/lockdown.
    pub(super) lockdown: Option<String>,
    /// /sys/kernel/security/lsm.
    pub(super) modules: Option<String>,
    /// How far a sensor can be confined.
    pub(super) landlock: Landlock,
}

pub(super) fn check(kernel: &Kernel) -> Vec<Finding> {
    let mut findings = vec![release(&kernel.release), btf(kernel.btf), jit(kernel)];
    findings.extend(harden(kernel.harden));
    findings.extend(stats(kernel.stats));
    findings.extend(unprivileged(kernel.unprivileged));
    findings.push(security(kernel.lockdown.as_deref(), kernel.modules.as_deref()));
    findings.push(landlock(kernel.landlock));
    findings
}

fn release(release: &str) -> Finding {
    let number = |(major, minor)| format!("{major}.{minor}");
    let (needed, supported) = (number(OLDEST_KERNEL), number(OLDEST_SUPPORTED));
    match version(release) {
        Some(version) if version < OLDEST_KERNEL => Finding::bad(
            "kernel",
            format!("Linux {release} is too old: it takes {needed} to run, and {supported} is the oldest that is supported; start a newer kernel"),
            "",
        )
        .without_command(),
        Some(version) if version < OLDEST_SUPPORTED => Finding::warn(
            "kernel",
            format!("Linux {release} has what it calls, but is not tested; {supported} is the oldest that is"),
            "uname -r",
        ),
        Some(_) => Finding::ok("kernel", format!("Linux {release}; {supported} and later are supported")),
        None => Finding::warn(
            "kernel",
            format!("release {release:?} says no version; Linux {supported} and later are supported"),
            "uname -r",
        ),
    }
}

fn btf(there: bool) -> Finding {
    let text = if there {
        "/sys/kernel/btf/vmlinux is there"
    } else {
        "the kernel shows no types; honeyxdp does not need them, other BPF tools may"
    };
    Finding::ok("btf", text)
}

fn jit(kernel: &Kernel) -> Finding {
    const ON: &str = "sysctl -w net.core.bpf_jit_enable=1";
    match (kernel.jit, kernel.jited) {
        (Some(0), _) | (None, Some(false)) => {
            Finding::warn("jit", "BPF programs are interpreted, which costs several times as much a packet", ON)
        }
        (Some(2), _) => {
            Finding::warn("jit", "the compiler writes every program to the kernel's log, for debugging", ON)
        }
        (Some(_), _) | (None, Some(true)) => Finding::ok("jit", "BPF programs are compiled"),
        (None, None) => Finding::ok(
            "jit",
            "the setting is not shown in this network namespace; `sysctl net.core.bpf_jit_enable` on the host tells",
        ),
    }
}

/// 1 leaves out who has CAP_BPF: only 2 makes the sensor's program slower.
fn harden(harden: Option<u32>) -> Option<Finding> {
    match harden? {
        0 | 1 => None,
        _ => Some(Finding::warn(
            "jit_harden",
            "constants are blinded for everybody, which makes the program longer and slower; 1 does so for unprivileged users only",
            "sysctl -w net.core.bpf_jit_harden=1",
        )),
    }
}

fn stats(stats: Option<u32>) -> Option<Finding> {
    (stats? != 0).then(|| {
        Finding::warn(
            "bpf_stats",
            "the kernel takes the time of every run of a BPF program, which costs tens of nanoseconds a packet",
            "sysctl -w kernel.bpf_stats_enabled=0",
        )
    })
}

fn unprivileged(disabled: Option<u32>) -> Option<Finding> {
    Some(match disabled? {
        0 => Finding::warn(
            "unprivileged_bpf",
            "every user may load BPF programs; honeyxdp needs that not, and Spectre attacks like it",
            "sysctl -w kernel.unprivileged_bpf_disabled=2",
        ),
        _ => Finding::ok("unprivileged_bpf", "users without CAP_BPF cannot load programs"),
    })
}

/// Neither forbids XDP to who has the capabilities, unless a policy says so; where loading fails they are suspects.
fn security(lockdown: Option<&str>, modules: Option<&str>) -> Finding {
    let lockdown = lockdown.map_or_else(|| "lockdown is not shown".to_owned(), |mode| format!("lockdown is {mode}"));
    let modules = modules.map_or_else(
        || "security modules are not shown (securityfs is not mounted)".to_owned(),
        |modules| format!("security modules are {modules}"),
    );
    Finding::ok("security", format!("{lockdown}, {modules}"))
}

/// A sensor counts as well without it, and may do more if somebody takes it over.
fn landlock(landlock: Landlock) -> Finding {
    let text = format!("what a running sensor can reach: {landlock}");
    match landlock {
        Landlock::Missing => Finding::warn("landlock", text, "cat /sys/kernel/security/lsm"),
        Landlock::Full | Landlock::Partial(_) => Finding::ok("landlock", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn kernel() -> Kernel {
        Kernel {
            release: "6.18.44".to_owned(),
            btf: true,
            jit: Some(1),
            jited: None,
            harden: Some(0),
            stats: Some(0),
            unprivileged: Some(2),
            lockdown: Some("none".to_owned()),
            modules: Some("capability,apparmor,bpf".to_owned()),
            landlock: Landlock::Full,
        }
    }

    fn level(kernel: &Kernel, check: &str) -> Option<Level> {
        super::check(kernel).into_iter().find(|finding| finding.check == check).map(|finding| finding.level)
    }

    #[test]
    fn an_ordinary_kernel_is_well() {
        assert!(check(&kernel()).iter().all(|finding| finding.level == Level::Ok && finding.fix.is_none()));
    }

    #[test]
    fn the_version_decides() {
        for (release, expected) in [
            ("5.17.9", Level::Bad),
            ("4.19.0-27-amd64", Level::Bad),
            ("5.18.0", Level::Warn),
            ("6.0.19", Level::Warn),
            ("6.1.0-44-amd64", Level::Ok),
            ("7.0-rc1", Level::Ok),
            ("mine", Level::Warn),
        ] {
            let kernel = Kernel { release: release.to_owned(), ..kernel() };
            assert_eq!(level(&kernel, "kernel"), Some(expected), "{release}");
        }
    }

    #[test]
    fn the_compiler_is_seen_by_its_setting_or_by_a_loaded_program() {
        for (jit, jited, expected) in [
            (Some(0), None, Level::Warn),
            (Some(1), None, Level::Ok),
            (Some(2), Some(true), Level::Warn),
            (None, Some(true), Level::Ok),
            (None, Some(false), Level::Warn),
            (None, None, Level::Ok),
        ] {
            assert_eq!(level(&Kernel { jit, jited, ..kernel() }, "jit"), Some(expected), "{jit:?} {jited:?}");
        }
    }

    #[test]
    fn settings_that_slow_down_or_open_up_are_named_with_their_command() {
        let kernel = Kernel { harden: Some(2), stats: Some(1), unprivileged: Some(0), ..kernel() };
        for (name, command) in [
            ("jit_harden", "sysctl -w net.core.bpf_jit_harden=1"),
            ("bpf_stats", "sysctl -w kernel.bpf_stats_enabled=0"),
            ("unprivileged_bpf", "sysctl -w kernel.unprivileged_bpf_disabled=2"),
        ] {
            let findings = check(&kernel);
            let finding = findings.iter().find(|finding| finding.check == name).unwrap();
            assert_eq!((finding.level, finding.fix.as_deref()), (Level::Warn, Some(command)), "{name}");
        }
        let unseen = Kernel { harden: None, stats: None, unprivileged: None, ..kernel };
        for name in ["jit_harden", "bpf_stats", "unprivileged_bpf"] {
            assert_eq!(level(&unseen, name), None, "{name}");
        }
    }

    #[test]
    fn what_an_old_landlock_leaves_open_is_named() {
        let of = |landlock| super::landlock(landlock);
        assert_eq!(
            of(Landlock::Partial(2)).text,
            "what a running sensor can reach: its own files; the Landlock of this kernel is too old to forbid truncating other files \
             (Linux 6.2), TCP connections (Linux 6.7), ioctl on devices (Linux 6.10), signals to other processes (Linux 6.12)"
        );
        assert!(of(Landlock::Partial(5)).text.ends_with("too old to forbid signals to other processes (Linux 6.12)"));
        let levels = [Landlock::Full, Landlock::Partial(2), Landlock::Missing].map(|landlock| of(landlock).level);
        assert_eq!(levels, [Level::Ok, Level::Ok, Level::Warn]);
    }
}
