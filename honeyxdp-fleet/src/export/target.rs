//! The directory that an export goes to: nothing else is in it, and the last thing that comes there says that it is complete.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use serde::Serialize;

/// The file that says that an export is complete, and what was done.
pub const COMPLETE: &str = "honeyxdp-export.json";
/// What it is called while it is not.
const UNFINISHED: &str = ".honeyxdp-export.json.tmp";

/// The directory of an export.
pub(super) struct Target {
    root: PathBuf,
    /// Of no use but to be there until the end.
    mark: File,
}

impl Target {
    /// Begins an export into a directory that is empty or not there, and apart from the archive.
    pub(super) fn begin(root: &Path, source: &Path) -> anyhow::Result<Self> {
        let shown = root.display();
        if root.exists() && !root.is_dir() {
            bail!("{shown} is no directory; name one that is empty or not there");
        }
        let cannot = || format!("cannot write to {shown}");
        refuse_what_is_there(root)?;
        let was_there = root.is_dir();
        fs::create_dir_all(root).with_context(cannot)?;
        let (here, there) = (root.canonicalize().with_context(cannot)?, source.canonicalize().with_context(cannot)?);
        if here.starts_with(&there) || there.starts_with(&here) {
            if !was_there {
                let _ = fs::remove_dir(&here);
            }
            bail!("{shown} is within the archive {}, or holds it; name a directory apart from it", source.display());
        }
        let mark = OpenOptions::new().write(true).create_new(true).open(root.join(UNFINISHED)).with_context(cannot)?;
        Ok(Self { root: root.to_owned(), mark })
    }

    /// Says that it is complete, and what was done.
    pub(super) fn finish(mut self, what: &impl Serialize) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(what)?;
        text.push('\n');
        let mut name = || {
            self.mark.write_all(text.as_bytes())?;
            self.mark.sync_all()?;
            fs::rename(self.root.join(UNFINISHED), self.root.join(COMPLETE))?;
            File::open(&self.root)?.sync_all()
        };
        let named: std::io::Result<()> = name();
        named.with_context(|| format!("cannot write {}", self.root.join(COMPLETE).display()))
    }
}

fn refuse_what_is_there(root: &Path) -> anyhow::Result<()> {
    let shown = root.display();
    let mut entries = match fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.with_context(|| format!("cannot read {shown}"))?,
    };
    if root.join(COMPLETE).exists() {
        bail!("{shown} holds a complete export; name another directory, or remove this one");
    }
    if root.join(UNFINISHED).exists() {
        bail!(
            "{shown} holds an export that was not finished, or that another process is making; if none is, remove the directory and export again"
        );
    }
    if entries.next().is_some() {
        bail!("{shown} is not empty; name a directory that is empty or not there");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_takes_one_export_and_says_when_it_is_complete() {
        let directory = tempfile::tempdir().unwrap();
        let (source, out) = (directory.path().join("archive"), directory.path().join("out/deep"));
        fs::create_dir(&source).unwrap();
        let refused = |out: &Path| Target::begin(out, &source).err().map(|error| error.to_string()).unwrap_or_default();
        let target = Target::begin(&out, &source).unwrap();
        assert!(!out.join(COMPLETE).exists());
        assert!(refused(&out).contains("not finished"), "{}", refused(&out));
        target.finish(&serde_json::json!({ "a": 1 })).unwrap();
        assert_eq!(fs::read_to_string(out.join(COMPLETE)).unwrap(), "{\n  \"a\": 1\n}\n");
        assert!(!out.join(UNFINISHED).exists());
        assert!(refused(&out).contains("complete export"));
        assert!(refused(out.parent().unwrap()).contains("not empty"));
        assert!(refused(&source.join("out")).contains("within the archive"));
        assert!(!source.join("out").exists());
        assert!(refused(&source).contains("within the archive"));
        fs::write(directory.path().join("file"), "").unwrap();
        assert!(refused(&directory.path().join("file")).contains("is no directory"));
    }
}
