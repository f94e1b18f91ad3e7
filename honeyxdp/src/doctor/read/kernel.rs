//! /proc/sys, /sys/kernel.

use std::path::Path;

use super::value;
use crate::{doctor::kernel::Kernel, kernel::release, sandbox};

pub(super) fn read(jited: Option<bool>) -> Kernel {
    Kernel {
        release: release(),
        btf: Path::new("/sys/kernel/btf/vmlinux").exists(),
        jit: value("/proc/sys/net/core/bpf_jit_enable"),
        jited,
        harden: value("/proc/sys/net/core/bpf_jit_harden"),
        stats: value("/proc/sys/kernel/bpf_stats_enabled"),
        unprivileged: value("/proc/sys/kernel/unprivileged_bpf_disabled"),
        lockdown: value::<String>("/sys/kernel/security/lockdown").map(|modes| active(&modes)),
        modules: value("/sys/kernel/security/lsm"),
        landlock: sandbox::offered(),
    }
}

/// The one in brackets: `[none] integrity confidentiality`.
fn active(modes: &str) -> String {
    let active = modes.split_whitespace().find_map(|mode| mode.strip_prefix('[')?.strip_suffix(']'));
    active.unwrap_or(modes).to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_mode_in_brackets_is_in_force() {
        assert_eq!(super::active("none [integrity] confidentiality"), "integrity");
        assert_eq!(super::active("odd"), "odd");
    }
}
