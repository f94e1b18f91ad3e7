//! What fuzz targets need to give bytes to those that read them.

mod wire;

use std::{
    fs,
    io::{Seek as _, Write as _},
    os::fd::AsRawFd as _,
};

pub use wire::Wire;

/// Where files lie in memory.
const MEMORY: &str = "/dev/shm";

/// A file without a name, to give bytes to a function that opens a path.
#[derive(Debug)]
pub struct File(fs::File);

impl File {
    /// An empty one, in memory if the machine has a place for it.
    ///
    /// # Panics
    /// When there is no room for it.
    #[expect(clippy::new_without_default, reason = "it opens a file")]
    pub fn new() -> Self {
        let file = tempfile::tempfile_in(MEMORY).or_else(|_| tempfile::tempfile());
        Self(file.expect("there is room for a file"))
    }

    /// Holds these bytes from now on.
    ///
    /// # Panics
    /// When there is no room for them.
    pub fn write(&mut self, bytes: &[u8]) {
        let write = |file: &mut fs::File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(bytes)
        };
        write(&mut self.0).expect("there is room for the input");
    }

    /// A path that opens it.
    pub fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }
}

/// Fails where a text that is shown to people has what moves their cursor or turns the direction of writing. It may have several
/// lines.
///
/// # Panics
/// With the text.
#[track_caller]
pub fn assert_plain(text: &str) {
    // The marks, embeddings and isolates of UAX #9.
    let turns =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || turns(c))), "not escaped: {text:?}");
}

/// How many lines a text has for who counts from 1 on: one more than it has line feeds.
pub fn lines(text: &str) -> usize {
    text.matches('\n').count() + 1
}
