//! Who may write: one writer for each sensor, and one that merges and removes.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use crate::{Error, Result};

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
    take(&root.join(".maintenance.lock"), || {
        format!("another honeyxdp merges or removes files in {}; try again when it is done", root.display())
    })
}
