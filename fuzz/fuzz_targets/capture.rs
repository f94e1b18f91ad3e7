//! Capture files: pcap and pcapng, plain and packed with gzip, whole and cut short.

#![no_main]

use std::io::{self, Read, Write as _};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use honeyxdp::replay::{self, CaptureError, LinkType, Reason, Summary, Time};
use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The longest record that is believed, bytes; a reader may hold one of them.
const LONGEST: usize = 16 << 20;
/// What a reader may hold besides, bytes: its buffer, a gzip decoder, the interfaces of a section.
const BESIDES: usize = 8 << 20;
/// Bytes of a file that are looked for its packets, unpacked.
const MOST: usize = 1 << 20;
/// Bytes that are unpacked at once. What is unpacked in the call that meets corrupt data is lost, so this is a part of what the
/// reader asks for.
const STEP: usize = 16;
/// Places at which a file is cut.
const CUTS: usize = 24;

type Packet = (LinkType, Option<Time>, u32, Vec<u8>);

/// Gives a few bytes at a time, as a pipe may.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(7);
        self.0.read(&mut buffer[..length])
    }
}

/// What comes out of a file.
struct Outcome {
    packets: Vec<Packet>,
    result: Result<Summary, CaptureError>,
}

impl Outcome {
    fn of(input: impl Read) -> Self {
        let mut packets = Vec::new();
        let result = replay::read(input, |packet| {
            let _ = replay::dissect(packet.link, packet.data);
            packets.push((packet.link, packet.timestamp, packet.original_len, packet.data.to_vec()));
        });
        let (count, offset) = match &result {
            Ok(summary) => (summary.packets, summary.bytes),
            Err(error) => (error.packets, error.offset),
        };
        assert_eq!(count, packets.len() as u64, "packets were given that are not counted");
        let data: usize = packets.iter().map(|packet| packet.3.len()).sum();
        assert!(data as u64 <= offset, "{data} bytes of packets out of {offset}");
        Self { packets, result }
    }

    /// The end of it in words, which name the place.
    fn words(&self) -> String {
        match &self.result {
            Ok(Summary { format, packets, bytes, .. }) => format!("{format:?} {packets} {bytes}"),
            Err(error) => format!("{} {}", error.offset, error.reason),
        }
    }

    /// Whether it ended at damage of the gzip stream: how much is unpacked before depends on how much is asked for.
    fn is_gzip_damage(&self) -> bool {
        matches!(&self.result, Err(CaptureError { reason: Reason::Gzip(_), .. }))
    }

    /// Whether another reading of the same file, or of its beginning, can be one of it.
    fn assert_begins_with(&self, part: &Self) {
        let longer = self.is_gzip_damage() && part.packets.starts_with(&self.packets);
        assert!(
            longer || self.packets.starts_with(&part.packets),
            "packets differ: {} and {}",
            self.words(),
            part.words()
        );
    }
}

/// What gzip holds, as far as it can be unpacked and is no more than [`MOST`].
fn unpacked(file: &[u8]) -> Vec<u8> {
    let (mut decoder, mut unpacked, mut step) = (MultiGzDecoder::new(file), Vec::new(), [0; STEP]);
    while unpacked.len() < MOST {
        match decoder.read(&mut step) {
            Ok(0) | Err(_) => break,
            Ok(length) => unpacked.extend_from_slice(&step[..length]),
        }
    }
    unpacked
}

/// The packets lie in the file, one behind the other.
fn check_places(file: &[u8], packets: &[Packet]) {
    let mut rest = file;
    for (.., data) in packets.iter().filter(|packet| !packet.3.is_empty()) {
        let at = rest.windows(data.len()).position(|window| window == data);
        rest = &rest[at.expect("a packet is not in the file behind the one before it") + data.len()..];
    }
}

/// Without its end a file has the same packets, fewer of them, and only at the end of a record no error.
fn check_cuts(file: &[u8], whole: &Outcome) {
    let step = file.len().div_ceil(CUTS).max(1);
    for length in (0..file.len()).step_by(step) {
        let cut = Outcome::of(&file[..length]);
        whole.assert_begins_with(&cut);
        match cut.result {
            Ok(summary) if !summary.gzip => assert_eq!(summary.bytes, length as u64, "bytes are left out in silence"),
            Err(error) if !error.gzip => assert!(error.offset <= length as u64),
            _ => {}
        }
    }
}

/// Packed with gzip it says the same.
fn check_packed(file: &[u8], plain: &Outcome) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(file).unwrap();
    let packed = Outcome::of(encoder.finish().unwrap().as_slice());
    assert_eq!(packed.packets, plain.packets);
    assert_eq!(packed.words(), plain.words());
}

fuzz_target!(|file: &[u8]| {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let ended = replay::read(file, |_| {});
    let used = MEMORY.peak_usage() - before;
    assert!(used <= LONGEST + BESIDES, "{used} bytes of memory for a file of {}: {ended:?}", file.len());
    drop(ended);

    let whole = Outcome::of(file);
    let slow = Outcome::of(Slow(file));
    if whole.is_gzip_damage() {
        whole.assert_begins_with(&slow);
    } else {
        assert_eq!((slow.words(), slow.packets), (whole.words(), whole.packets.clone()));
    }
    check_cuts(file, &whole);
    if file.starts_with(&[0x1f, 0x8b]) {
        let unpacked = unpacked(file);
        if unpacked.len() < MOST {
            check_places(&unpacked, &whole.packets);
        }
    } else {
        check_places(file, &whole.packets);
        check_packed(file, &whole);
    }
});
