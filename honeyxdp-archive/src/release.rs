//! Letting files go that are kept elsewhere.

use std::{collections::BTreeSet, fs, io};

use crate::{Archive, Entry, Error, Result, lock};

/// Removes files, and directories that are empty then. Returns how many files.
///
/// # Errors
/// When one cannot be removed, or somebody else merges or removes. What is left still counts once.
pub fn release(archive: &Archive, files: &[Entry]) -> Result<u64> {
    let _lock = lock::maintenance(archive.root())?;
    remove(archive, files)
}

/// The same, for who holds the lock.
pub(crate) fn remove(archive: &Archive, files: &[Entry]) -> Result<u64> {
    let mut files: Vec<&Entry> = files.iter().collect();
    // A file that stands in for others goes after them: else they would count again.
    files.sort_by_key(|file| file.name.level);
    let mut removed = 0;
    for file in &files {
        match fs::remove_file(&file.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => {
                other.map_err(Error::io(&file.path))?;
                removed += 1;
            }
        }
    }
    let directories: BTreeSet<_> = files.iter().map(|file| archive.directory(file.table, file.date)).collect();
    for directory in directories {
        // Somebody else's files may be there.
        let _ = fs::remove_dir(directory);
    }
    Ok(removed)
}
