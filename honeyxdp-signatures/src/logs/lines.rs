//! Lines of a file of any length, plain or gzip-compressed.

use std::io::{self, BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;

/// Maximum line length, bytes.
pub(super) const LONGEST: u64 = 1 << 20;
/// Buffer size for reading and decompression, bytes.
const CHUNK: usize = 64 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A non-empty line and its number, from 1.
pub(super) enum Line<'l> {
    /// Trimmed, without its line ending.
    Whole(u64, &'l [u8]),
    /// Longer than [`LONGEST`]; skipped.
    TooLong(u64),
}

/// Reads lines.
pub(super) struct Lines<'i> {
    input: Box<dyn BufRead + 'i>,
    line: Vec<u8>,
    number: u64,
}

impl<'i> Lines<'i> {
    /// Detects whether the input is compressed.
    ///
    /// # Errors
    /// Returns an error if the input cannot be read.
    pub(super) fn new(mut input: impl Read + 'i) -> io::Result<Self> {
        let mut magic = Vec::new();
        input.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut magic)?;
        let is_gzip = magic == GZIP_MAGIC;
        let input = io::Cursor::new(magic).chain(input);
        let input: Box<dyn BufRead + 'i> = if is_gzip {
            Box::new(BufReader::with_capacity(CHUNK, MultiGzDecoder::new(input)))
        } else {
            Box::new(BufReader::with_capacity(CHUNK, input))
        };
        Ok(Self { input, line: Vec::new(), number: 0 })
    }

    /// The next line.
    ///
    /// # Errors
    /// Returns an error if the input cannot be read or decompressed.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let Self { input, line, number } = self;
        loop {
            line.clear();
            if input.take(LONGEST + 1).read_until(b'\n', line)? == 0 {
                return Ok(None);
            }
            *number += 1;
            if line.len() as u64 > LONGEST && line.last() != Some(&b'\n') {
                input.skip_until(b'\n')?;
                return Ok(Some(Line::TooLong(*number)));
            }
            let start = if *number == 1 && line.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
            if !line[start..].trim_ascii().is_empty() {
                return Ok(Some(Line::Whole(*number, self.line[start..].trim_ascii())));
            }
        }
    }
}
