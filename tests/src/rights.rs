//! Capabilities, as the kernel and setpriv(1) write them.

use honeyxdp::{kernel::needed_capabilities, sandbox::Capability};

/// As a set in /proc/PID/status.
pub fn bits(capabilities: &[Capability]) -> u64 {
    capabilities.iter().map(Capability::bitmask).sum()
}

/// Those that a sensor keeps, as there.
pub fn few() -> String {
    format!("{:016x}", bits(needed_capabilities()))
}

/// A command's words that leave it no capabilities but these: setpriv(1), before the program.
pub fn only(capabilities: &[Capability]) -> [String; 2] {
    let kept: String =
        capabilities.iter().map(|name| name.to_string().to_lowercase().replacen("cap_", ",+", 1)).collect();
    [format!("--bounding-set=-all{kept}"), format!("--inh-caps=-all{kept}")]
}

/// Every one of them with those that are left without it.
pub fn each_left_out(capabilities: &[Capability]) -> impl Iterator<Item = (Capability, Vec<Capability>)> {
    let without = |one: Capability| capabilities.iter().copied().filter(|&other| other != one).collect();
    capabilities.iter().map(move |&one| (one, without(one)))
}
