//! A window on the bytes of a file, which moves forward over it.

use std::io::{self, Read};

use super::{MAX_RECORD, Reason};

/// Length of the window at first, bytes: many packets for each `read`, and little enough to stay in a cache.
const WINDOW: usize = 256 << 10;
/// The most that is asked of a gzip decoder at once, bytes: what it unpacked before it met corrupt data in the same call
/// is lost.
pub(super) const GZIP_READ: usize = 4 << 10;

/// The bytes of a file from the first one that is not consumed.
pub(super) struct Stream<'a> {
    /// How many packets were given to the caller.
    pub(super) packets: u64,
    input: Box<dyn Read + 'a>,
    gzip: bool,
    buffer: Vec<u8>,
    /// The window is `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Where in the file `buffer` begins.
    base: u64,
}

impl<'a> Stream<'a> {
    /// The bytes of `input` itself.
    pub(super) fn plain(input: Box<dyn Read + 'a>) -> Self {
        Self { packets: 0, input, gzip: false, buffer: vec![0; WINDOW], start: 0, end: 0, base: 0 }
    }

    /// The bytes that a gzip decoder gives.
    pub(super) fn gzip(input: Box<dyn Read + 'a>) -> Self {
        Self { gzip: true, ..Self::plain(input) }
    }

    /// Where in the file the window begins, bytes.
    pub(super) const fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// The bytes at hand.
    pub(super) fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Moves the window over a record that has been dealt with, of `length` bytes.
    pub(super) fn consume(&mut self, length: usize) {
        debug_assert!(length <= self.window().len());
        self.start += length;
    }

    /// Reads until the window is at least `length` bytes, at most [`MAX_RECORD`]. False when the file ends before.
    ///
    /// Nothing is read while the window is long enough, so an error comes only after all records before it.
    pub(super) fn fill(&mut self, length: usize) -> Result<bool, Reason> {
        debug_assert!(length <= MAX_RECORD);
        if self.window().len() >= length {
            return Ok(true);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        while self.end < length {
            let space = &mut self.buffer[self.end..];
            let most = if self.gzip { GZIP_READ.min(space.len()) } else { space.len() };
            match self.input.read(&mut space[..most]) {
                Ok(0) => return Ok(false),
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(error)),
            }
        }
        Ok(true)
    }

    /// Tells the decoder's complaints from those of the file below it, which the decoder passes on as they are.
    fn failure(&self, error: io::Error) -> Reason {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        if self.gzip && matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) {
            Reason::Gzip(error)
        } else {
            Reason::Io(error)
        }
    }
}
