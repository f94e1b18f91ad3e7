//! A BPF file system of a test's own, for pins.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::ensure;
use tempfile::TempDir;

/// A mounted BPF file system. It is unmounted when this is dropped, and what is pinned in it goes with it.
pub struct BpfFs {
    directory: TempDir,
}

impl BpfFs {
    /// Mounts one in a temporary directory.
    ///
    /// # Errors
    /// Without root.
    pub fn mount() -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("hx-bpffs-").tempdir()?;
        let output = Command::new("mount").args(["-t", "bpf", "bpf"]).arg(directory.path()).output()?;
        ensure!(output.status.success(), "mount: {}", String::from_utf8_lossy(&output.stderr));
        Ok(Self { directory })
    }

    /// Path of a directory in it, which is not made.
    pub fn directory(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.directory.path()
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
