//! The directory of the snapshots.

use std::path::PathBuf;

use bytesize::ByteSize;

use super::finding::{Finding, quoted};

/// A history of large snapshots takes some tens of MiB.
const PLENTY: u64 = 256 << 20;
/// Less than this does not hold many snapshots.
const LITTLE: u64 = 16 << 20;

/// What is known of it.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    /// As --out has it.
    pub(super) path: PathBuf,
    /// Whether it is there.
    pub(super) exists: bool,
    /// Whether this process may write to it, or make it.
    pub(super) writable: bool,
    /// Whether the file system is mounted read-only.
    pub(super) read_only: bool,
    /// Bytes that this process may still write there.
    pub(super) free: Option<u64>,
}

pub(super) fn check(directory: &Directory) -> Vec<Finding> {
    let path = directory.path.display();
    let word = quoted(&directory.path.to_string_lossy());
    let free = directory.free.map_or_else(|| "?".to_owned(), |free| ByteSize::b(free).display().iec().to_string());
    let finding = if directory.read_only {
        Finding::bad(
            "out",
            format!("{path} is on a read-only file system"),
            format!("mount -o remount,rw \"$(stat -c %m {word})\""),
        )
    } else if !directory.writable && directory.exists {
        Finding::bad("out", format!("{path} cannot be written by this user"), format!("chown \"$USER\" {word}"))
    } else if !directory.writable {
        Finding::bad(
            "out",
            format!("{path} is not there, and this user may not make it"),
            format!("install -d -o \"$USER\" {word}"),
        )
    } else if directory.free.is_some_and(|free| free < LITTLE) {
        Finding::bad("out", format!("{path} has room for {free} only"), format!("df -h {word}"))
    } else if directory.free.is_some_and(|free| free < PLENTY) {
        Finding::warn(
            "out",
            format!("{path} has room for {free} only; a long history may fill it"),
            format!("df -h {word}"),
        )
    } else {
        Finding::ok("out", format!("{path} can be written and has room for {free}"))
    };
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn rights_come_before_room() {
        let good = Directory {
            path: "/srv/my data".into(),
            exists: true,
            writable: true,
            read_only: false,
            free: Some(1 << 40),
        };
        for (directory, level, command) in [
            (good.clone(), Level::Ok, None),
            (Directory { free: None, ..good.clone() }, Level::Ok, None),
            (Directory { free: Some(100 << 20), ..good.clone() }, Level::Warn, Some("df -h '/srv/my data'")),
            (Directory { free: Some(0), ..good.clone() }, Level::Bad, Some("df -h '/srv/my data'")),
            (Directory { writable: false, ..good.clone() }, Level::Bad, Some("chown \"$USER\" '/srv/my data'")),
            (
                Directory { writable: false, exists: false, ..good.clone() },
                Level::Bad,
                Some("install -d -o \"$USER\" '/srv/my data'"),
            ),
            (
                Directory { read_only: true, writable: false, ..good },
                Level::Bad,
                Some("mount -o remount,rw \"$(stat -c %m '/srv/my data')\""),
            ),
        ] {
            let finding = &check(&directory)[0];
            assert_eq!((finding.level, finding.fix.as_deref()), (level, command), "{}", finding.text);
        }
    }
}
