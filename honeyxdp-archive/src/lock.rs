//! Who may write: one writer for each sensor, and one that merges and removes.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use crate::{Archive, Error, Result};

const MAINTENANCE: &str = ".maintenance.lock";

/// Takes a lock that the kernel gives back when the process ends, however it ends. `busy` is said when somebody has it.
pub(crate) fn take(path: &Path, busy: impl FnOnce() -> String) -> Result<File> {
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(path).map_err(Error::io(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy(busy())),
        Err(TryLockError::Error(error)) => Err(Error::io(path)(error)),
    }
}

/// The lock of what merges and removes files.
pub(crate) fn maintenance(root: &Path) -> Result<File> {
    take(&root.join(MAINTENANCE), || {
        format!("another honeyxdp merges, removes or checks files in {}; try again when it is done", root.display())
    })
}

/// Keeps others from merging and removing files; several may do so. Where nobody ever did, or whoever asks may not know, there
/// is nothing to keep: one that only reads makes no file, which a sensor that is another user could not lock.
pub(crate) fn keep(root: &Path) -> Result<Option<File>> {
    let Ok(file) = File::open(root.join(MAINTENANCE)) else { return Ok(None) };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Err(Error::Busy(format!(
            "another honeyxdp merges or removes files in {}; try again when it is done",
            root.display()
        ))),
        _ => Ok(Some(file)),
    }
}

/// While it is there, nobody merges or removes files of an archive.
#[derive(Debug)]
pub struct WriterLock {
    _lock: Option<File>,
}

impl Archive {
    /// Keeps others from merging and removing files, so that a list of them stays true. Sensors go on adding files.
    ///
    /// # Errors
    /// When somebody is at it.
    pub fn keep(&self) -> Result<WriterLock> {
        keep(self.root()).map(|lock| WriterLock { _lock: lock })
    }
}
