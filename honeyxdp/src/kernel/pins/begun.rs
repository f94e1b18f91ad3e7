//! Cleanup after a failed start: unused pins would hold all the memory of a sensor.

use std::{fs, path::PathBuf};

/// A pin directory that this start fills, and whether it created the directory. Dropping it before [`Begun::keep`] removes the
/// pins.
#[derive(Debug, Default)]
pub(super) struct Begun(Option<(PathBuf, bool)>);

impl Begun {
    pub(super) const fn new(directory: PathBuf, made: bool) -> Self {
        Self(Some((directory, made)))
    }

    pub(super) fn keep(&mut self) {
        self.0 = None;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some((directory, made)) = self.0.take() {
            // On failure the next start clears it, or `honeyxdp detach --all`.
            let _ = super::clear(&directory);
            // A directory that existed before has its owner from tmpfiles.d and stays.
            if made {
                let _ = fs::remove_dir(&directory);
            }
        }
    }
}
