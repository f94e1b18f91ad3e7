//! Reading: what the checks look at, a file per source. Nothing here judges, and nothing stays changed.
//!
//! What cannot be read is `None`: most of it is hidden somewhere, in a container, a namespace or from a user without rights.

mod clock;
mod directory;
mod ethtool;
mod genetlink;
mod interfaces;
mod kernel;
mod memory;
mod netdev;
mod rights;

use std::{fs, path::Path, str::FromStr};

use super::{Facts, Subject};

/// Reads everything.
pub(super) async fn facts(subject: &Subject) -> Facts {
    let memory = memory::read();
    let rights = rights::read(memory.is_ample());
    let jited = rights.load.as_ref().and_then(|load| load.as_ref().ok()).and_then(|loaded| loaded.jited);
    Facts {
        kernel: kernel::read(jited),
        rights,
        memory,
        bpffs: directory::bpffs(),
        directory: directory::read(&subject.directory),
        clock: clock::read(),
        interfaces: interfaces::read(subject).await,
    }
}

/// A file of one value.
fn value<T: FromStr>(path: impl AsRef<Path>) -> Option<T> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
