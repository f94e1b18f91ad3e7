//! A BPF file system of a test's own, for pins.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::ensure;
use tempfile::TempDir;

/// A mounted BPF file system. It is unmounted when this is dropped, and what is pinned in it goes with it.
pub struct BpfFs {
    folder: TempDir,
}

impl BpfFs {
    /// Mounts one in a temporary folder.
    ///
    /// # Errors
    /// Without root.
    pub fn mount() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("hx-bpffs-").tempdir()?;
        let output = Command::new("mount").args(["-t", "bpf", "bpf"]).arg(folder.path()).output()?;
        ensure!(output.status.success(), "mount: {}", String::from_utf8_lossy(&output.stderr));
        Ok(Self { folder })
    }

    /// Path of a folder in it, which is not made.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for BpfFs {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.path().display());
        }
    }
}
