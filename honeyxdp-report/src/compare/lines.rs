//! Lines of any length, in a buffer of one length.

use std::io::{self, Read};

use memchr::memchr2;

/// Longest line that is looked at, bytes without its end. Of a longer one the beginning is kept, to show it.
pub const MOST: usize = 64 << 10;
/// What is kept of a longer line, bytes.
const HEAD: usize = 256;
/// Length of the buffer, bytes: whole lines fit many times.
const BUFFER: usize = 4 * MOST;

/// A line without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawLine<'a> {
    /// Its bytes, or the first ones of a line that is too long.
    pub bytes: &'a [u8],
    /// Whether it is longer than [`MOST`].
    pub is_long: bool,
}

/// The lines of some input. They end with a line feed, a carriage return or both.
#[derive(Debug)]
pub struct LineReader<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The last line ended with a carriage return: a line feed now belongs to it.
    after_return: bool,
    head: Vec<u8>,
    read: u64,
}

impl<R: Read> LineReader<R> {
    /// Nothing is read yet.
    pub fn new(input: R) -> Self {
        Self { input, buffer: vec![0; BUFFER], start: 0, end: 0, after_return: false, head: Vec::new(), read: 0 }
    }

    /// How much was read, bytes.
    pub fn bytes(&self) -> u64 {
        self.read
    }

    /// The next line.
    ///
    /// # Errors
    ///
    /// Those of the input. What came before the error has been given as lines, but for the one that it broke off.
    pub fn next_line(&mut self) -> io::Result<Option<RawLine<'_>>> {
        let mut looked = 0;
        loop {
            if self.after_return && self.start < self.end {
                self.after_return = false;
                if self.buffer[self.start] == b'\n' {
                    self.start += 1;
                }
            }
            let window = &self.buffer[self.start..self.end];
            if let Some(at) = memchr2(b'\n', b'\r', &window[looked..]).map(|at| looked + at) {
                let start = self.start;
                self.after_return = window[at] == b'\r';
                self.start += at + 1;
                let is_long = at > MOST;
                let length = if is_long { HEAD } else { at };
                return Ok(Some(RawLine { bytes: &self.buffer[start..start + length], is_long }));
            }
            looked = window.len();
            if looked > MOST {
                return self.long_line().map(Some);
            }
            if !self.fill()? {
                let start = std::mem::replace(&mut self.start, self.end);
                let bytes = &self.buffer[start..self.end];
                return Ok((!bytes.is_empty()).then_some(RawLine { bytes, is_long: false }));
            }
        }
    }

    /// Skips to the end of a line that the window does not hold.
    fn long_line(&mut self) -> io::Result<RawLine<'_>> {
        self.head.clear();
        self.head.extend_from_slice(&self.buffer[self.start..self.start + HEAD]);
        loop {
            self.start = self.end;
            if !self.fill()? {
                break;
            }
            let window = &self.buffer[self.start..self.end];
            if let Some(at) = memchr2(b'\n', b'\r', window) {
                self.after_return = window[at] == b'\r';
                self.start += at + 1;
                break;
            }
        }
        Ok(RawLine { bytes: &self.head, is_long: true })
    }

    /// Reads once more; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(length) => {
                    self.end += length;
                    self.read += length as u64;
                    return Ok(length > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }

    fn all(input: impl Read) -> Vec<(Vec<u8>, bool)> {
        let mut lines = LineReader::new(input);
        let mut seen = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            seen.push((line.bytes.to_vec(), line.is_long));
        }
        seen
    }

    #[test]
    fn lines_end_in_three_ways() {
        let lines: Vec<_> = ["a", "", "b", "c", "d"].map(|line| (line.as_bytes().to_vec(), false)).into();
        for step in 1..10 {
            assert_eq!(all(Slow(b"a\n\nb\r\nc\rd", step)), lines, "{step}");
        }
        assert_eq!(all(&b"a\n"[..]).len(), 1);
        assert_eq!(all(&b""[..]).len(), 0);
    }

    #[test]
    fn a_line_is_looked_at_up_to_its_longest() {
        for (length, is_long) in [(MOST, false), (MOST + 1, true), (BUFFER, true), (5 * BUFFER + 1, true)] {
            let text = [vec![b'x'; length], b"\r\nnext".to_vec()].concat();
            for step in [1000, MOST, usize::MAX] {
                let lines = all(Slow(&text, step));
                assert_eq!(lines[0].1, is_long, "{length}");
                assert_eq!(lines[0].0.len(), if is_long { HEAD } else { length });
                assert_eq!(lines[1..], [(b"next".to_vec(), false)], "{length} by {step}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_or_invented(text in "[ab\n]{0,200}", step in 1_usize..20) {
            let lines: Vec<_> = text.lines().map(|line| (line.as_bytes().to_vec(), false)).collect();
            prop_assert_eq!(all(Slow(text.as_bytes(), step)), lines);
        }
    }
}
