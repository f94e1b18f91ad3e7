//! A start that fails leaves no pins behind: nobody reads them, and they hold all the memory of a sensor.

use std::{fs, path::PathBuf};

/// A directory that this start has begun to fill, and whether it has made it. What lies in it is taken away when this is dropped before
/// it is kept.
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
            // If this fails too, the next start clears it, or `honeyxdp detach --all`.
            let _ = super::clear(&directory);
            // Else it is somebody's who knows for which user (tmpfiles.d), and who may not be able to make it again.
            if made {
                let _ = fs::remove_dir(&directory);
            }
        }
    }
}
