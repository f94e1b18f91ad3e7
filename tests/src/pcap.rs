//! Capture files for the tests and the measurements.

use std::io::{self, Write};

/// Writes classic pcap: microseconds, little-endian, Ethernet.
pub struct Writer<W: Write>(W);

impl<W: Write> Writer<W> {
    /// Begins a capture.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(mut output: W) -> io::Result<Self> {
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
            output.write_all(&word.to_le_bytes())?;
        }
        Ok(Self(output))
    }

    /// Adds a whole frame, captured so many seconds after the epoch and microseconds after that.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn frame(&mut self, seconds: u32, microseconds: u32, frame: &[u8]) -> io::Result<()> {
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        for word in [seconds, microseconds, length, length] {
            self.0.write_all(&word.to_le_bytes())?;
        }
        self.0.write_all(frame)
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// When what is left in a buffer cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}
