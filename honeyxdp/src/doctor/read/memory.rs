//! /proc/meminfo and the control groups of this process.

use std::{fs, path::Path};

use super::value;
use crate::{doctor::memory::Memory, kernel::Options};

pub(super) fn read() -> Memory {
    let available = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    let group = fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| {
        let group = unified(&text)?;
        left(Path::new("/sys/fs/cgroup"), group)
    });
    Memory { needed: Options::default().kernel_memory().unwrap_or(0), available, group }
}

/// Bytes of the line `MemAvailable:    1234 kB`.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The group of version 2: `0::/system.slice/x.service`.
fn unified(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| line.strip_prefix("0::/"))
}

/// The least that this group or one above it leaves; `None` without a limit.
fn left(root: &Path, group: &str) -> Option<u64> {
    let own = root.join(group);
    let groups = own.ancestors().take_while(|directory| directory.starts_with(root));
    let limits = groups.filter_map(|directory| {
        let limit: u64 = value(directory.join("memory.max"))?;
        Some(limit.saturating_sub(value(directory.join("memory.current"))?))
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_in_kib() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(available("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn the_tightest_group_counts() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("a/b");
        fs::create_dir_all(&group).unwrap();
        for (directory, limit, used) in [(group.clone(), "max", "10"), (root.path().join("a"), "1000", "300")] {
            fs::write(directory.join("memory.max"), limit).unwrap();
            fs::write(directory.join("memory.current"), used).unwrap();
        }
        assert_eq!(unified("1:name=x:/y\n0::/a/b\n"), Some("a/b"));
        assert_eq!(left(root.path(), "a/b"), Some(700));
        fs::write(group.join("memory.max"), "110\n").unwrap();
        assert_eq!(left(root.path(), "a/b"), Some(100));
        assert_eq!(left(root.path(), "c"), None);
    }
}
