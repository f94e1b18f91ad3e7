//! The file system that `--pin` keeps the program and its maps in.

use super::finding::Finding;

/// Where pins lie.
pub(super) const ROOT: &str = "/sys/fs/bpf";
/// Those of honeyxdp.
pub(super) const DIRECTORY: &str = "/sys/fs/bpf/honeyxdp";

/// What is known of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bpffs {
    /// Whether a BPF file system is mounted at [`ROOT`].
    pub(super) mounted: bool,
    /// Whether [`DIRECTORY`] is there.
    pub(super) directory: bool,
    /// Whether this process may write [`DIRECTORY`], or make it.
    pub(super) writable: bool,
}

pub(super) fn check(bpffs: &Bpffs) -> Vec<Finding> {
    let finding = if !bpffs.mounted {
        Finding::warn(
            "bpffs",
            format!("no BPF file system at {ROOT}: --pin, which keeps counting over restarts, cannot be used"),
            format!("mount -t bpf bpf {ROOT}"),
        )
    } else if bpffs.writable {
        Finding::ok("bpffs", format!("{DIRECTORY} can be written"))
    } else if bpffs.directory {
        Finding::warn(
            "bpffs",
            format!("{DIRECTORY} belongs to another user: --pin cannot be used by this one"),
            format!("chown -R \"$USER\" {DIRECTORY}"),
        )
    } else {
        Finding::warn(
            "bpffs",
            format!("{DIRECTORY} is not there, and this user may not make it: --pin cannot be used"),
            format!("install -d -o \"$USER\" -m 0750 {DIRECTORY}"),
        )
    };
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn each_obstacle_has_its_command() {
        for (mounted, directory, writable, level, command) in [
            (false, false, false, Level::Warn, Some("mount -t bpf bpf /sys/fs/bpf")),
            (true, false, false, Level::Warn, Some("install -d -o \"$USER\" -m 0750 /sys/fs/bpf/honeyxdp")),
            (true, true, false, Level::Warn, Some("chown -R \"$USER\" /sys/fs/bpf/honeyxdp")),
            (true, true, true, Level::Ok, None),
            (true, false, true, Level::Ok, None),
        ] {
            let finding = &check(&Bpffs { mounted, directory, writable })[0];
            assert_eq!((finding.level, finding.fix.as_deref()), (level, command), "{}", finding.text);
        }
    }
}
