//! Capture files in the making.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A magic number of the classic format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Magic {
    Micro = 0xa1b2_c3d4,
    Nano = 0xa1b2_3c4d,
    Modified = 0xa1b2_cd34,
}

/// A file, and where its records end.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    /// For each record, the file header included: the byte after it, and the packets so far.
    pub(super) ends: Vec<(usize, u64)>,
    big: bool,
    packets: u64,
}

impl File {
    pub(super) fn new(big: bool) -> Self {
        Self { bytes: Vec::new(), ends: Vec::new(), big, packets: 0 }
    }

    /// A classic file without packets.
    pub(super) fn pcap(big: bool, magic: Magic, link: u32) -> Self {
        Self::new(big).u32(magic as u32).u16(2).u16(4).u32(0).u32(0).u32(0x4_0000).u32(link).end()
    }

    /// A packet of a classic file.
    pub(super) fn packet(mut self, magic: Magic, seconds: u32, fraction: u32, original: u32, data: &[u8]) -> Self {
        self.packets += 1;
        let file = self.u32(seconds).u32(fraction).u32(len(data)).u32(original);
        let file = if magic == Magic::Modified { file.u32(1).u32(0x0800_0000) } else { file };
        file.raw(data).end()
    }

    /// A section header, which sets the byte order.
    pub(super) fn section(mut self, big: bool) -> Self {
        self.big = big;
        let body = Self::new(big).u32(0x1a2b_3c4d).u16(1).u16(0).u32(u32::MAX).u32(u32::MAX);
        self.block(0x0a0d_0d0a, &body.bytes)
    }

    /// An interface description. `options` are pairs of code and value; what they have after the end is to be ignored.
    pub(super) fn interface(self, link: u16, snap_length: u32, options: &[(u16, &[u8])]) -> Self {
        let mut body = Self::new(self.big).u16(link).u16(0).u32(snap_length);
        for (code, value) in options {
            body = body.u16(*code).u16(u16::try_from(value.len()).unwrap()).raw(value).pad();
        }
        self.block(1, &body.bytes)
    }

    /// An enhanced packet.
    pub(super) fn enhanced(mut self, interface: u32, time: u64, original: u32, data: &[u8], options: &[u8]) -> Self {
        self.packets += 1;
        let body = Self::new(self.big).u32(interface).time(time).u32(len(data)).u32(original).raw(data).pad();
        self.block(6, &body.raw(options).bytes)
    }

    /// A simple packet.
    pub(super) fn simple(mut self, original: u32, data: &[u8]) -> Self {
        self.packets += 1;
        let body = Self::new(self.big).u32(original).raw(data).pad();
        self.block(3, &body.bytes)
    }

    /// A packet of the obsolete kind.
    pub(super) fn old(mut self, interface: u16, time: u64, original: u32, data: &[u8]) -> Self {
        self.packets += 1;
        let body = Self::new(self.big).u16(interface).u16(0xffff).time(time).u32(len(data)).u32(original);
        self.block(2, &body.raw(data).pad().bytes)
    }

    /// Any block.
    pub(super) fn block(self, kind: u32, body: &[u8]) -> Self {
        let length = len(body) + 12;
        self.u32(kind).u32(length).raw(body).u32(length).end()
    }

    pub(super) fn u16(self, value: u16) -> Self {
        let bytes = if self.big { value.to_be_bytes() } else { value.to_le_bytes() };
        self.raw(&bytes)
    }

    pub(super) fn u32(self, value: u32) -> Self {
        let bytes = if self.big { value.to_be_bytes() } else { value.to_le_bytes() };
        self.raw(&bytes)
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn time(self, time: u64) -> Self {
        self.u32(u32::try_from(time >> 32).unwrap()).u32(u32::try_from(time & 0xffff_ffff).unwrap())
    }

    /// Fills up to a multiple of four bytes, with bytes that show when they are taken for data.
    fn pad(mut self) -> Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0xee);
        self
    }

    fn end(mut self) -> Self {
        self.ends.push((self.bytes.len(), self.packets));
        self
    }

    /// What is whole in the first `length` bytes: where it ends, and the packets in it.
    pub(super) fn whole(&self, length: usize) -> (usize, u64) {
        self.ends.iter().rev().find(|(end, _)| *end <= length).copied().unwrap_or_default()
    }
}

/// A classic file with packets of 0, 1, 20 and 63 bytes.
pub(super) fn some_pcap() -> File {
    let file = File::pcap(false, Magic::Micro, 1);
    [0, 1, 20, 63].into_iter().fold(file, |file, length| {
        let data: Vec<u8> = (0..length).collect();
        file.packet(Magic::Micro, 1_600_000_000, length.into(), 1500, &data)
    })
}

/// A pcapng file with two sections of different byte orders and blocks of all kinds.
pub(super) fn some_pcapng() -> File {
    File::new(false)
        .section(false)
        .interface(1, 0, &[(2, b"eth0"), (9, &[9])])
        .enhanced(0, 1_600_000_000_123_456_789, 60, b"one", &[])
        .block(4, &[0xff; 8])
        .interface(101, 5, &[])
        .enhanced(1, 1_600_000_000_123_456, 3, b"two", &[2, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0])
        .section(true)
        .interface(113, 5, &[])
        .simple(1400, b"three")
        .old(0, 1_600_000_000_123_457, 4, b"four")
        .block(0x8000_1234, &[])
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn len(data: &[u8]) -> u32 {
    u32::try_from(data.len()).unwrap()
}
