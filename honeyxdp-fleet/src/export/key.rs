//! The key of pseudonyms, and the file that it is in.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

/// Bytes of a key: that of AES-256.
const BYTES: usize = 32;
/// What the key's id is made of, with the key.
const ID_LABEL: &[u8] = b"honeyxdp export key id 1\0";
/// More than a file of a key can have, bytes.
const MOST: u64 = 4096;

/// The key of pseudonyms: whoever has it can make sources of them again.
#[derive(Clone)]
pub struct Key([u8; BYTES]);

impl Key {
    /// Reads a key: 64 hexadecimal digits in a file that its owner alone may read.
    ///
    /// # Errors
    /// When the file cannot be read, or others can read it, or it holds something else.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let file = File::open(path)
            .with_context(|| format!("cannot read the key in {shown}; `honeyxdp fleet key {shown}` makes one"))?;
        let about = file.metadata().with_context(|| format!("cannot read {shown}"))?;
        if !about.is_file() {
            bail!("{shown} is no file; name the file of a key, as `honeyxdp fleet key` makes it");
        }
        let mode = about.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            bail!(
                "others than its owner may use the key in {shown} (mode {mode:04o}); who has read it can undo every pseudonym: \
                 make a new one, or `chmod 600 {shown}` if you know that nobody has"
            );
        }
        let mut text = String::new();
        let read = file.take(MOST).read_to_string(&mut text);
        let wrong = || format!("{shown} holds no key, which is 64 hexadecimal digits; `honeyxdp fleet key` makes one");
        read.with_context(wrong)?;
        Self::parse(text.trim_end()).with_context(wrong)
    }

    /// Makes a key at random, in a file that is not there yet and that its owner alone may read.
    ///
    /// # Errors
    /// When there is such a file, or it cannot be written.
    pub fn make(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = match opened {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                bail!(
                    "{shown} is there, and is never overwritten: without its key nobody can tell whose pseudonyms are whose; name another file"
                )
            }
            other => other.with_context(|| format!("cannot make {shown}"))?,
        };
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let written = writeln!(file, "{text}").and_then(|()| file.sync_all());
        written.with_context(|| format!("cannot write {shown}; remove it"))?;
        Ok(Self(bytes))
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 2 * BYTES || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut key = [0; BYTES];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(key))
    }

    /// What tells this key from others, and nothing about it: the first 8 hexadecimal digits of the SHA-256 of a label and it.
    pub fn id(&self) -> String {
        let hash = Sha256::new().chain_update(ID_LABEL).chain_update(self.0).finalize();
        hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) const fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }
}

impl From<[u8; BYTES]> for Key {
    fn from(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.id()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_by_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let made = Key::make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(Key::read(&path).unwrap().bytes(), made.bytes());
        assert!(!format!("{made:?}").contains(&text[..8]) && !text.contains(&made.id()));
        assert!(Key::make(&path).unwrap_err().to_string().contains("never overwritten"));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_ne!(Key::make(&directory.path().join("other")).unwrap().bytes(), made.bytes());

        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert!(Key::read(&path).unwrap_err().to_string().contains("chmod 600"), "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        assert!(Key::read(&path).unwrap_err().to_string().contains("makes one"));
        assert!(Key::read(directory.path()).unwrap_err().to_string().contains("is no file"));
        for wrong in ["", "00", &"0".repeat(63), &"0".repeat(65), &"+0".repeat(32), &"\u{e4}".repeat(32)] {
            fs::write(&path, wrong).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
            assert!(Key::read(&path).unwrap_err().to_string().contains("64 hexadecimal digits"), "{wrong}");
        }
    }
}
