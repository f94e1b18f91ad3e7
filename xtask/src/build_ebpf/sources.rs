//! The files that the object is made of.
//!
//! The build sees a copy of exactly these files and nothing else, so nothing can reach the object that is not in the
//! hash.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use super::manifest::hex;

/// What is taken of each of the two crates, where it is there.
const PARTS: &[&str] = &["Cargo.toml", "Cargo.lock", "build.rs", "src"];

/// The two crates.
const CRATES: &[&str] = &["honeyxdp-common", "honeyxdp-ebpf"];

/// The files, by path.
pub(crate) struct Sources {
    /// Path relative to the repository, with slashes, and contents.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

impl Sources {
    pub(crate) fn read(repository: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for name in CRATES {
            for part in PARTS {
                collect(repository, &Path::new(name).join(part), &mut files)?;
            }
        }
        files.sort();
        ensure!(!files.is_empty(), "{} has no sources of the eBPF program.", repository.display());
        Ok(Self { files })
    }

    /// SHA-256 over path and contents of each file, each after its length, so that no byte can move from one to another.
    pub(crate) fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for (path, contents) in &self.files {
            for bytes in [path.as_bytes(), contents] {
                hash.update((bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            }
        }
        hex(&hash.finalize())
    }

    /// Whether git has changed line ends on the way: the hash is over the bytes as they are.
    pub(crate) fn has_carriage_returns(&self) -> bool {
        self.files.iter().any(|(_, contents)| contents.windows(2).any(|two| two == b"\r\n"))
    }

    /// Writes a copy below `directory`.
    pub(crate) fn copy_to(&self, directory: &Path) -> Result<()> {
        for (path, contents) in &self.files {
            super::write(&directory.join(path), contents)?;
        }
        Ok(())
    }
}

/// Takes a file, or the files of a directory. Names with a dot in front belong to editors and are left out.
fn collect(repository: &Path, relative: &Path, files: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let path = repository.join(relative);
    if path.is_dir() {
        let entries = fs::read_dir(&path).with_context(|| format!("{} could not be read.", path.display()))?;
        for entry in entries {
            let name = entry?.file_name();
            if !name.as_encoded_bytes().starts_with(b".") {
                collect(repository, &relative.join(name), files)?;
            }
        }
    } else if path.is_file() {
        let contents = fs::read(&path).with_context(|| format!("{} could not be read.", path.display()))?;
        files.push((with_slashes(relative)?, contents));
    }
    Ok(())
}

fn with_slashes(path: &Path) -> Result<String> {
    let names: Option<Vec<_>> = path.iter().map(|name| name.to_str()).collect();
    Ok(names.with_context(|| format!("Rename {}: its name is no text.", PathBuf::from(path).display()))?.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, contents) in [
            ("honeyxdp-ebpf/Cargo.toml", "[package]\n"),
            ("honeyxdp-ebpf/Cargo.lock", "version = 4\n"),
            ("honeyxdp-ebpf/src/main.rs", "mod ab;\n"),
            ("honeyxdp-ebpf/src/ab.rs", "cd\n"),
            ("honeyxdp-common/Cargo.toml", "[package]\n"),
            ("honeyxdp-common/src/fingerprints/mirai.rs", "fn f() {}\n"),
        ] {
            super::super::write(&directory.path().join(path), contents.as_bytes()).unwrap();
        }
        directory
    }

    fn hash_after(change: impl FnOnce(&Path)) -> String {
        let repository = repository();
        change(repository.path());
        Sources::read(repository.path()).unwrap().sha256()
    }

    #[test]
    fn the_hash_changes_with_a_byte_a_name_and_a_file() {
        let before = hash_after(|_| {});
        assert_eq!(before, hash_after(|_| {}), "the directory is not in the hash");
        type Change = (&'static str, fn(&Path));
        let changes: [Change; 6] = [
            ("a changed byte", |root| {
                fs::write(root.join("honeyxdp-common/src/fingerprints/mirai.rs"), "fn g() {}\n").unwrap();
            }),
            ("a changed lock", |root| fs::write(root.join("honeyxdp-ebpf/Cargo.lock"), "version = 5\n").unwrap()),
            ("a renamed file", |root| {
                fs::rename(root.join("honeyxdp-ebpf/src/ab.rs"), root.join("honeyxdp-ebpf/src/ac.rs")).unwrap();
            }),
            ("a new empty file", |root| fs::write(root.join("honeyxdp-ebpf/src/new.rs"), "").unwrap()),
            ("a removed file", |root| fs::remove_file(root.join("honeyxdp-ebpf/src/ab.rs")).unwrap()),
            ("a byte that moves into the name", |root| {
                fs::rename(root.join("honeyxdp-ebpf/src/ab.rs"), root.join("honeyxdp-ebpf/src/ab.rsc")).unwrap();
                fs::write(root.join("honeyxdp-ebpf/src/ab.rsc"), "d\n").unwrap();
            }),
        ];
        for (what, change) in changes {
            assert_ne!(before, hash_after(change), "{what}");
        }
    }

    #[test]
    fn build_results_and_editor_files_are_no_sources() {
        let before = hash_after(|_| {});
        let after = hash_after(|root| {
            super::super::write(&root.join("honeyxdp-ebpf/target/release/honeyxdp"), b"object").unwrap();
            super::super::write(&root.join("honeyxdp-ebpf/src/.main.rs.swp"), b"swap").unwrap();
        });
        assert_eq!(before, after);
    }

    #[test]
    fn a_copy_has_the_same_hash() {
        let sources = Sources::read(repository().path()).unwrap();
        let copy = tempfile::tempdir().unwrap();
        sources.copy_to(copy.path()).unwrap();
        assert_eq!(sources.sha256(), Sources::read(copy.path()).unwrap().sha256());
    }
}
