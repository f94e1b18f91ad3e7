//! A window on the bytes of a file, which moves forward over it.

use std::io::{self, Read};

use super::{MAX_RECORD, Reason};

/// Length of the buffer at first, bytes: many packets for each `read`, and little enough to stay in a cache.
const BUFFER: usize = 256 << 10;
/// Length of a page of memory, bytes. Where it is another, reading is only slower.
const PAGE: usize = 4 << 10;
/// The most that is asked of a gzip decoder at once, bytes: what it unpacked before it met corrupt data in the same call
/// is lost.
pub(super) const GZIP_READ: usize = 4 << 10;

/// The bytes of a file from the first one that is not consumed.
pub(super) struct Stream<'a> {
    input: Box<dyn Read + 'a>,
    gzip: bool,
    buffer: Vec<u8>,
    /// The window is `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Where in the file the window ends: how much of it was read, bytes.
    read: u64,
}

impl<'a> Stream<'a> {
    /// The bytes of `input` itself.
    pub(super) fn plain(input: Box<dyn Read + 'a>) -> Self {
        Self { input, gzip: false, buffer: vec![0; BUFFER], start: 0, end: 0, read: 0 }
    }

    /// The bytes that a gzip decoder gives.
    pub(super) fn gzip(input: Box<dyn Read + 'a>) -> Self {
        Self { gzip: true, ..Self::plain(input) }
    }

    /// Where in the file the window begins, bytes.
    pub(super) const fn offset(&self) -> u64 {
        self.read - (self.end - self.start) as u64
    }

    /// How much of the file was read, bytes.
    pub(super) const fn read(&self) -> u64 {
        self.read
    }

    /// The bytes at hand.
    pub(super) fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Moves the window over what has been dealt with, `length` bytes.
    pub(super) fn consume(&mut self, length: usize) {
        debug_assert!(length <= self.window().len());
        self.start += length;
    }

    /// Gives `records` one window after the other, until the file ends. What is then left in the window is the beginning of
    /// a record that the file does not have to its end.
    ///
    /// `records` takes whole records off the front of the bytes, and returns how many bytes the next one has, as far as
    /// can be told yet: at most [`MAX_RECORD`]. Many records at a time, because to keep the books of a window costs as
    /// much as to read a packet.
    pub(super) fn each_window(
        &mut self,
        mut records: impl FnMut(&mut &[u8]) -> Result<usize, Reason>,
    ) -> Result<(), Reason> {
        loop {
            let mut rest = self.window();
            let next = records(&mut rest);
            self.start = self.end - rest.len();
            if !self.fill(next?)? {
                return Ok(());
            }
        }
    }

    /// Reads until the window is at least `length` bytes, at most [`MAX_RECORD`]. False when the file ends before.
    ///
    /// Nothing is read while the window is long enough, so an error comes only after all records before it.
    pub(super) fn fill(&mut self, length: usize) -> Result<bool, Reason> {
        debug_assert!(length <= MAX_RECORD);
        if self.window().len() >= length {
            return Ok(true);
        }
        if self.buffer.len() < PAGE + length {
            self.buffer.resize(PAGE + length, 0);
        }
        // A byte goes where it is in its page of the file: the kernel copies half as slow again where the two lie badly.
        let page = usize::try_from(self.offset() % PAGE as u64).expect("less than a page");
        let start = page.wrapping_sub(self.buffer.as_ptr().addr()) % PAGE;
        self.buffer.copy_within(self.start..self.end, start);
        self.end = start + (self.end - self.start);
        self.start = start;
        while self.window().len() < length {
            let space = &mut self.buffer[self.end..];
            let most = if self.gzip { GZIP_READ.min(space.len()) } else { space.len() };
            match self.input.read(&mut space[..most]) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    self.end += count;
                    self.read += count as u64;
                }
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
