//! Reads capture files: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng), plain or gzip.
//!
//! The bytes go one way: [`read`] unpacks gzip, `Stream` keeps a window of them, `pcap` or `pcapng` cuts records from
//! the window, and the caller sees each packet where it lies there. The window grows only up to [`MAX_RECORD`], so
//! memory does not depend on the size of the file.
//!
//! The layout of what describes packets, the file header and the blocks of sections and interfaces, comes from the
//! pcap-parser crate. The packets themselves are read here: they are a few integers at fixed places, and the crate's
//! parsers cost more than those. Its streaming readers are not used either: they drop the cause of a reading error, take
//! the first `read` for the whole header, and answer a packet longer than its block with a wish for more input. Where a
//! record ends, and what is damage, is therefore decided here.
//!
//! A damaged file is not skipped over: what follows the damage cannot be told from garbage. Everything before it has
//! been given to the caller, and the error says where reading stopped.

mod order;
mod pcap;
mod pcapng;
mod stream;
#[cfg(test)]
mod tests;
mod time;

use std::fmt;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::link::LinkType;
use stream::Stream;
pub use time::Time;

/// The longest record that is believed, its headers included, bytes. A longer one is taken for damage.
const MAX_RECORD: usize = 16 << 20;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// One captured packet, borrowed from the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// How `data` begins.
    pub link: LinkType,
    /// When it was captured; `None` when the file does not say, or says something that is no time.
    pub timestamp: Option<Time>,
    /// Its length on the wire, bytes, as the file claims it.
    pub original_len: u32,
    /// What was captured of it, from the link header on.
    pub data: &'a [u8],
}

/// The format of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The classic format, of either byte order, with micro- or nanoseconds.
    Pcap,
    /// The format of blocks, sections and interfaces.
    PcapNg,
}

/// What a whole capture file was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its format.
    pub format: Format,
    /// Whether it was compressed with gzip.
    pub gzip: bool,
    /// The packets in it.
    pub packets: u64,
    /// Its length, uncompressed, bytes.
    pub bytes: u64,
}

/// Why a capture file could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub struct CaptureError {
    /// Where the record begins that could not be read; when reading itself failed, how far it came. Bytes from the
    /// beginning of the file, of the uncompressed one if `gzip`.
    pub offset: u64,
    /// How many packets came before, all of them given to the caller.
    pub packets: u64,
    /// Whether the file is compressed with gzip.
    pub gzip: bool,
    /// What is wrong.
    pub reason: Reason,
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, packets, gzip, reason } = self;
        let what = match reason {
            Reason::Empty | Reason::NotACapture(_) => return write!(f, "{reason}"),
            Reason::Version(..) | Reason::LinkType(_) | Reason::Io(_) => "stopped",
            Reason::Cut(_) | Reason::TooLong(..) | Reason::Damaged(_) | Reason::Gzip(_) => "damaged",
        };
        let of = if *gzip { " of the uncompressed data" } else { "" };
        let plural = if *packets == 1 { "" } else { "s" };
        write!(f, "{what} at byte {offset}{of} after {packets} packet{plural}: {reason}")
    }
}

/// What is wrong with a capture file, or with reading it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It begins like no capture; the text says what it looks like.
    #[error("not a capture file: {0}")]
    NotACapture(&'static str),
    /// It is of a version, major and minor, that is not known.
    #[error("version {0}.{1} of the format is not supported")]
    Version(u16, u16),
    /// A packet is of a LINKTYPE_ number that [`LinkType`] does not have.
    #[error("link type {0} is not supported")]
    LinkType(u32),
    /// It ends before the text's record does.
    #[error("the file ends inside {0}")]
    Cut(&'static str),
    /// The text's record claims a length, in bytes, beyond the 16 MiB that are believed.
    #[error("{0} claims a length of {1} bytes")]
    TooLong(&'static str, u64),
    /// The text says which rule of the format is broken.
    #[error("{0}")]
    Damaged(&'static str),
    /// The gzip stream is cut or its checksum does not hold.
    #[error("the gzip stream: {0}")]
    Gzip(io::Error),
    /// The operating system failed to deliver.
    #[error("reading failed: {0}")]
    Io(io::Error),
}

/// Reads a capture file from its beginning to its end, and gives `each` the packets in the order of the file.
///
/// `input` needs no buffer of its own. To follow the progress or to stop early, wrap it: an error of `input` ends the
/// reading as [`Reason::Io`].
///
/// # Errors
/// When the file is not a capture, is damaged, or has packets of an unknown link type. The packets before that have been
/// given to `each`; of a gzip stream with corrupt data, up to 4 KiB before the place of the damage
/// are lost.
pub fn read(mut input: impl Read, mut each: impl FnMut(Packet<'_>)) -> Result<Summary, CaptureError> {
    let mut magic = Vec::with_capacity(GZIP_MAGIC.len());
    if let Err(error) = input.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut magic) {
        return Err(CaptureError { offset: 0, packets: 0, gzip: false, reason: Reason::Io(error) });
    }
    let gzip = magic == GZIP_MAGIC;
    let input = magic.chain(input);
    let mut stream =
        if gzip { Stream::gzip(Box::new(MultiGzDecoder::new(input))) } else { Stream::plain(Box::new(input)) };

    let mut packets = 0;
    let result = records(&mut stream, |packet| {
        packets += 1;
        each(packet);
    });
    match result {
        Ok(format) => Ok(Summary { format, gzip, packets, bytes: stream.offset() }),
        Err(reason) => {
            let offset = match reason {
                Reason::Gzip(_) | Reason::Io(_) => stream.read(),
                _ => stream.offset(),
            };
            Err(CaptureError { offset, packets, gzip, reason })
        }
    }
}

/// Tells the format and reads it.
fn records(stream: &mut Stream<'_>, each: impl FnMut(Packet<'_>)) -> Result<Format, Reason> {
    stream.fill(4)?;
    match stream.window() {
        [] => Err(Reason::Empty),
        [0x0a, 0x0d, 0x0d, 0x0a, ..] => pcapng::read(stream, each).map(|()| Format::PcapNg),
        _ => pcap::read(stream, each).map(|()| Format::Pcap),
    }
}

/// The error for a file that begins with `head`, which is not the beginning of a capture.
fn not_a_capture(head: &[u8]) -> Reason {
    const KNOWN: [(&[u8], &str); 9] = [
        (b"\x28\xb5\x2f\xfd", "it looks compressed with zstd; decompress it first"),
        (b"BZh", "it looks compressed with bzip2; decompress it first"),
        (b"\xfd7zXZ\0", "it looks compressed with xz; decompress it first"),
        (b"\x04\x22\x4d\x18", "it looks compressed with lz4; decompress it first"),
        (&GZIP_MAGIC, "it looks compressed with gzip twice; decompress it first"),
        (b"PK\x03\x04", "it looks like a zip archive; unpack it first"),
        (b"snoop\0\0\0", "it looks like a snoop capture; convert it to pcap first"),
        (b"\x7fELF", "it looks like a program"),
        (b"version https://git-lfs", "it looks like a Git LFS pointer to a file"),
    ];
    let known = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)).map(|&(_, what)| what);
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    Reason::NotACapture(match known {
        Some(what) => what,
        None if head.iter().all(is_text) => "it looks like text",
        None => "it begins like neither pcap nor pcapng",
    })
}
