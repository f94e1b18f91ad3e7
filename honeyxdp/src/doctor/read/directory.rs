//! Directories: whether they can be written, and how much room there is.

use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags, accessat, statfs, statvfs};

use crate::doctor::{
    bpffs::{self, Bpffs},
    directory::Directory,
};

/// BPF_FS_MAGIC of linux/magic.h.
const BPF_FS: u32 = 0xcafe_4a11;

pub(super) fn read(path: &Path) -> Directory {
    let (there, exists) = nearest(path);
    let room = statvfs(there).ok();
    Directory {
        path: path.to_owned(),
        exists,
        writable: writable(there),
        read_only: room.as_ref().is_some_and(|room| room.f_flag.contains(StatVfsMountFlags::RDONLY)),
        free: room.map(|room| room.f_bavail.saturating_mul(room.f_frsize)),
    }
}

pub(super) fn bpffs() -> Bpffs {
    // The type is 64 bits wide on some machines, and of either sign.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the magic number has 32 bits")]
    let mounted = statfs(bpffs::ROOT).is_ok_and(|system| system.f_type as u32 == BPF_FS);
    let (there, directory) = nearest(Path::new(bpffs::DIRECTORY));
    Bpffs { mounted, directory, writable: mounted && writable(there) }
}

/// The directory, or the nearest one above it that is there; and whether it is the directory itself.
fn nearest(path: &Path) -> (&Path, bool) {
    let there = path.ancestors().find(|directory| directory.is_dir());
    let there = there.unwrap_or(if path.is_absolute() { Path::new("/") } else { Path::new(".") });
    (there, there == path)
}

/// As the kernel would decide when the process writes, so capabilities count.
fn writable(directory: &Path) -> bool {
    accessat(CWD, directory, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_not_there_is_judged_by_the_one_above() {
        let parent = tempfile::tempdir().unwrap();
        let found = read(&parent.path().join("a/b"));
        assert!(!found.exists && found.writable && !found.read_only && found.free.unwrap() > 0, "{found:?}");
        assert!(read(parent.path()).exists);
        assert_eq!(nearest(Path::new("no/such/directory")).0, Path::new("."));
    }

    #[test]
    fn proc_is_no_place_for_snapshots() {
        let found = read(Path::new("/proc/self/attr"));
        assert_eq!(found.free, Some(0));
    }
}
