//! The reader against files that are built here byte by byte.

mod build;
mod damage;
mod formats;

use std::io::{self, Read};

use jiff::Timestamp;

use super::{CaptureError, LinkType, Packet, Summary, read};

/// A packet as it was given, with the time in nanoseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    link: LinkType,
    time: Option<i128>,
    original_len: u32,
    data: Vec<u8>,
}

impl From<Packet<'_>> for Given {
    fn from(packet: Packet<'_>) -> Self {
        let Packet { link, timestamp, original_len, data } = packet;
        Self {
            link,
            time: timestamp.map(|time| Timestamp::from(time).as_nanosecond()),
            original_len,
            data: data.to_vec(),
        }
    }
}

/// Reads `input`, and checks that the count of packets is right.
fn read_from(input: impl Read) -> (Vec<Given>, Result<Summary, CaptureError>) {
    let mut given = Vec::new();
    let result = read(input, |packet| given.push(packet.into()));
    let counted = result.as_ref().map_or_else(|error| error.packets, |summary| summary.packets);
    assert_eq!(counted, given.len() as u64);
    (given, result)
}

/// Reads `bytes` as a file.
fn read_bytes(bytes: &[u8]) -> (Vec<Given>, Result<Summary, CaptureError>) {
    read_from(Input { bytes, step: usize::MAX, interrupt: false, ends: 0 })
}

/// The packets of a file without damage.
fn packets(bytes: &[u8]) -> Vec<Given> {
    let (given, result) = read_bytes(bytes);
    result.unwrap_or_else(|error| panic!("{error}"));
    given
}

/// The offset, the packets and the message of the error in `bytes`.
fn error(bytes: &[u8]) -> (u64, u64, String) {
    let error = read_bytes(bytes).1.expect_err("an error");
    (error.offset, error.packets, error.to_string())
}

/// A file that gives few bytes at a time, and catches a reader that does not see its end.
struct Input<'a> {
    bytes: &'a [u8],
    /// The most bytes for each read. Every other read is interrupted, as by a signal.
    step: usize,
    interrupt: bool,
    ends: u32,
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.bytes.is_empty() {
            self.ends += 1;
            assert!(self.ends < 10, "read again and again at the end of the file");
        }
        let step = self.step.min(buffer.len());
        self.bytes.read(&mut buffer[..step])
    }
}
