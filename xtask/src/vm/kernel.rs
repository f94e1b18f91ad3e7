//! A kernel of Debian: its package, downloaded and unpacked, never installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::command::{output, run, say};

/// An unpacked kernel.
pub(super) struct Kernel {
    /// What `uname -r` will say.
    pub(super) release: String,
    /// The directory of the package's files, which is the root that they would be installed in.
    root: PathBuf,
}

impl Kernel {
    /// Gets what the command line names: a .deb file, a package, or a series.
    pub(super) fn get(name: &str) -> Result<Self> {
        let directory = super::directory();
        fs::create_dir_all(&directory).with_context(|| format!("{} cannot be made.", directory.display()))?;
        let file = Path::new(name);
        if file.extension().is_some_and(|extension| extension == "deb") {
            let file = std::path::absolute(file)?;
            return Self::unpack(&file);
        }
        let package = if name.starts_with("linux-image-") { name.to_owned() } else { newest(name)? };
        let is_it = |path: &PathBuf| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(&format!("{package}_")) && file.ends_with(".deb")
        };
        let there = || -> Result<Option<PathBuf>> {
            let files = fs::read_dir(&directory)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
            Ok(files.into_iter().find(is_it))
        };
        if there()?.is_none() {
            run(Command::new("apt-get").args(["--quiet", "download", &package]).current_dir(&directory)).with_context(
                || format!("apt-get has no package {package}: `apt-cache search linux-image` lists those that it has."),
            )?;
        }
        Self::unpack(&there()?.with_context(|| format!("apt-get download left no file of {package}."))?)
    }

    fn unpack(file: &Path) -> Result<Self> {
        let root = super::directory().join(file.file_stem().context("A package has a name.")?);
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        run(Command::new("dpkg").arg("-x").arg(file).arg(&root))?;
        let boot = root.join("boot");
        let names = fs::read_dir(&boot).with_context(|| format!("{} holds no kernel.", file.display()))?;
        let names = names.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>>>()?;
        let release = names.iter().find_map(|name| name.to_str()?.strip_prefix("vmlinuz-"));
        let release = release.with_context(|| format!("{} holds no kernel.", file.display()))?.to_owned();
        Ok(Self { release, root })
    }

    /// The image that boots.
    pub(super) fn vmlinuz(&self) -> PathBuf {
        self.root.join(format!("boot/vmlinuz-{}", self.release))
    }

    /// Writes a module, unpacked, to a directory. Returns whether the package has it.
    pub(super) fn module(&self, name: &str, directory: &Path) -> Result<bool> {
        let modules = ["lib/modules", "usr/lib/modules"].map(|place| self.root.join(place).join(&self.release));
        let modules = modules.iter().find(|directory| directory.exists()).context("The package has no modules.")?;
        let found = output(Command::new("find").arg(modules).args(["-name", &format!("{name}.ko*")]))?;
        let Some(file) = found.lines().next() else { return Ok(false) };
        let bytes = if file.ends_with(".xz") {
            let unpacked = Command::new("xz").args(["--decompress", "--stdout", file]).output()?;
            ensure!(unpacked.status.success(), "{file} cannot be unpacked.");
            unpacked.stdout
        } else if file.ends_with(".ko") {
            fs::read(file)?
        } else {
            bail!("{file} is packed in a way that this task does not know.");
        };
        fs::write(directory.join(format!("{name}.ko")), bytes)?;
        Ok(true)
    }
}

/// The newest cloud kernel of a series: it is a third of the size of the others, and has all that the tests need.
fn newest(series: &str) -> Result<String> {
    let architecture = output(Command::new("dpkg").arg("--print-architecture"))?;
    let pattern = format!("^linux-image-{}\\.[0-9.+a-z-]*cloud-{}$", series.replace('.', "\\."), architecture.trim());
    let search = || output(Command::new("apt-cache").args(["search", "--names-only", &pattern]));
    let mut found = search()?;
    if found.trim().is_empty() {
        say("apt-get knows no such kernel yet");
        run(crate::command::as_root("apt-get", &[])?.args(["--quiet", "update"]))?;
        found = search()?;
    }
    let packages = found.lines().filter_map(|line| line.split_whitespace().next());
    let newest = packages.max_by_key(|name| numbers(name));
    newest.map(str::to_owned).with_context(|| {
        format!("apt-get has no cloud kernel {series}: name a package, `apt-cache search linux-image` lists them.")
    })
}

/// The numbers in a name, by which releases are ordered.
fn numbers(name: &str) -> Vec<u32> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_ordered_by_their_numbers() {
        let mut names =
            ["linux-image-6.1.0-9-cloud-amd64", "linux-image-6.1.0-56-cloud-amd64", "linux-image-6.1.0-48-cloud-amd64"];
        names.sort_by_key(|name| numbers(name));
        assert_eq!(names.last(), Some(&"linux-image-6.1.0-56-cloud-amd64"));
    }
}
