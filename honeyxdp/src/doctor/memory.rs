//! Kernel memory for the maps. memlock limits do not matter: since Linux 5.11 the kernel charges maps to the control group.

use bytesize::ByteSize;

use super::finding::Finding;

/// Bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// What the maps take on this machine, with the default --record-buffer.
    pub(super) needed: u64,
    /// MemAvailable of /proc/meminfo.
    pub(super) available: Option<u64>,
    /// What the control groups of this process still let it take.
    pub(super) group: Option<u64>,
}

impl Memory {
    /// The most that can be had.
    fn most(&self) -> Option<u64> {
        [self.available, self.group].into_iter().flatten().min()
    }

    /// Whether there is room for the maps, with as much left beside them.
    pub(super) fn is_ample(&self) -> bool {
        self.most().is_none_or(|most| most / 2 >= self.needed)
    }
}

pub(super) fn check(memory: &Memory) -> Vec<Finding> {
    let needed = ByteSize::b(memory.needed).display().iec();
    let Some(most) = memory.most() else {
        return vec![Finding::ok("memory", format!("the maps take {needed}; how much is free is not shown"))];
    };
    let free = ByteSize::b(most).display().iec();
    let limited = if memory.group == Some(most) { "its control group leaves" } else { "free are" };
    let text = format!("the kernel's maps take {needed}, {limited} {free}");
    let finding = if most < memory.needed {
        Finding::bad("memory", text, "honeyxdp run --record-buffer 8MiB")
    } else if memory.is_ample() {
        Finding::ok("memory", text)
    } else {
        Finding::warn(
            "memory",
            format!("{text}: little is left for sets of sources"),
            "honeyxdp run --record-buffer 8MiB --memory 128MiB",
        )
    };
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_tightest_limit_counts() {
        for (available, group, expected) in [
            (Some(1_000 * MIB), None, Level::Ok),
            (Some(250 * MIB), None, Level::Ok),
            (Some(200 * MIB), None, Level::Warn),
            (Some(100 * MIB), None, Level::Bad),
            (Some(1_000 * MIB), Some(100 * MIB), Level::Bad),
            (None, None, Level::Ok),
        ] {
            let findings = check(&Memory { needed: 108 * MIB, available, group });
            assert_eq!(findings[0].level, expected, "{available:?} {group:?}: {}", findings[0].text);
        }
        let limited = Memory { needed: MIB, available: Some(9 * MIB), group: Some(5 * MIB) };
        assert_eq!(check(&limited)[0].text, "the kernel's maps take 1.0 MiB, its control group leaves 5.0 MiB");
    }
}
