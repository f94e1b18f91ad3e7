//! Files with damage.

use std::io::{self, Read};

use super::build::{File, Magic, gzip, some_pcap, some_pcapng};
use super::{Input, error, packets, read_bytes, read_from};
use crate::replay::capture::stream::GZIP_READ;
use crate::replay::capture::{MAX_RECORD, Reason};

/// A classic file of one packet: 24 bytes, then 16 bytes and 4.
fn one_packet() -> File {
    File::pcap(false, Magic::Micro, 1).packet(Magic::Micro, 0, 0, 4, b"data")
}

/// A pcapng file of one packet: 28 bytes, 20 bytes, then 32 bytes and 4.
fn one_block() -> File {
    File::new(false).section(false).interface(1, 0, &[]).enhanced(0, 0, 4, b"data", &[])
}

/// The first `length` bytes of a file.
fn cut(file: &File, length: usize) -> &[u8] {
    &file.bytes[..length]
}

/// A file with four bytes replaced by a little-endian integer.
fn patch(mut file: File, at: usize, value: u32) -> Vec<u8> {
    file.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    file.bytes
}

fn is(message: &str, offset: u64, packets: u64) -> (u64, u64, String) {
    (offset, packets, message.to_owned())
}

#[test]
fn no_capture() {
    assert_eq!(error(b""), is("the file is empty", 0, 0));
    assert_eq!(error(&gzip(b"")), is("the file is empty", 0, 0));
    for (bytes, looks) in [
        (b"Nov 23 sshd: hello\n".as_slice(), "it looks like text"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "it looks compressed with zstd; decompress it first"),
        (b"BZh91AY&SY", "it looks compressed with bzip2; decompress it first"),
        (b"\xfd7zXZ\0\0\x04", "it looks compressed with xz; decompress it first"),
        (b"\x04\x22\x4d\x18", "it looks compressed with lz4; decompress it first"),
        (b"PK\x03\x04\x14", "it looks like a zip archive; unpack it first"),
        (b"snoop\0\0\0\0\0\0\x02", "it looks like a snoop capture; convert it to pcap first"),
        (b"\x7fELF\x02\x01", "it looks like a program"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it looks like a Git LFS pointer to a file"),
        (b"\xd4\xc3\xb2\xa2\x02\0\x04\0", "it begins like neither pcap nor pcapng"),
        (&[0; 1000], "it begins like neither pcap nor pcapng"),
    ] {
        let message = format!("not a capture file: {looks}");
        assert_eq!(error(bytes), (0, 0, message.clone()));
        assert_eq!(error(&gzip(bytes)), (0, 0, message));
    }
    // Whatever comes behind the length of a header, and however slowly.
    let text = [b"Nov 23 sshd: hello, hello\n".as_slice(), &[0; 100]].concat();
    let slow = read_from(Input { bytes: &text, step: 5, interrupt: false, ends: 0 }).1.unwrap_err();
    assert_eq!(
        (error(&text).2, slow.to_string()),
        (slow.to_string(), "not a capture file: it looks like text".to_owned())
    );
    let twice = gzip(&gzip(&one_packet().bytes));
    assert_eq!(error(&twice).2, "not a capture file: it looks compressed with gzip twice; decompress it first");
}

#[test]
fn a_cut_pcap() {
    for length in [1, 3, 4, 23] {
        let message = "damaged at byte 0 after 0 packets: the file ends inside the file header";
        assert_eq!(error(cut(&one_packet(), length)), is(message, 0, 0));
    }
    for length in [25, 39] {
        let message = "damaged at byte 24 after 0 packets: the file ends inside the header of a packet";
        assert_eq!(error(cut(&one_packet(), length)), is(message, 24, 0));
    }
    for length in [40, 43] {
        let message = "damaged at byte 24 after 0 packets: the file ends inside a packet";
        assert_eq!(error(cut(&one_packet(), length)), is(message, 24, 0));
    }
    let more = one_packet().raw(&[0]);
    let message = "damaged at byte 44 after 1 packet: the file ends inside the header of a packet";
    assert_eq!(error(&more.bytes), is(message, 44, 1));
    let more = File::pcap(false, Magic::Modified, 1).raw(&[0; 23]);
    let message = "damaged at byte 24 after 0 packets: the file ends inside the header of a packet";
    assert_eq!(error(&more.bytes), is(message, 24, 0));
}

#[test]
fn a_cut_pcapng() {
    for (length, message, offset) in [
        (11, "damaged at byte 0 after 0 packets: the file ends inside the header of a block", 0),
        (27, "damaged at byte 0 after 0 packets: the file ends inside a block", 0),
        (29, "damaged at byte 28 after 0 packets: the file ends inside the header of a block", 28),
        (47, "damaged at byte 28 after 0 packets: the file ends inside a block", 28),
        (83, "damaged at byte 48 after 0 packets: the file ends inside a packet", 48),
    ] {
        assert_eq!(error(cut(&one_block(), length)), is(message, offset, 0));
    }
}

#[test]
fn an_impossible_length() {
    let message = "damaged at byte 24 after 0 packets: a packet claims a length of 2147483664 bytes";
    assert_eq!(error(&patch(one_packet(), 32, 1 << 31)), is(message, 24, 0));
    let message = "damaged at byte 24 after 0 packets: a packet claims a length of 4294967311 bytes";
    assert_eq!(error(&patch(one_packet(), 32, u32::MAX)), is(message, 24, 0));
    let message = "damaged at byte 48 after 0 packets: a block claims a length of 2147483648 bytes";
    assert_eq!(error(&patch(one_block(), 52, 1 << 31)), is(message, 48, 0));
    for length in [0, 8, 11, 37] {
        let message = "damaged at byte 48 after 0 packets: the length of a block is impossible";
        assert_eq!(error(&patch(one_block(), 52, length)), is(message, 48, 0));
    }
}

/// The longest record that is believed is read; one byte, or one word, more is not.
#[test]
fn the_longest_record() {
    let data = vec![0x5a; MAX_RECORD - 15];
    let file = |length| File::pcap(false, Magic::Micro, 1).packet(Magic::Micro, 0, 0, 0, &data[..length]).bytes;
    assert_eq!(packets(&file(MAX_RECORD - 16))[0].data.len(), MAX_RECORD - 16);
    let message = format!("damaged at byte 24 after 0 packets: a packet claims a length of {} bytes", MAX_RECORD + 1);
    assert_eq!(error(&file(MAX_RECORD - 15)), (24, 0, message));

    let file = |length| {
        let file = File::new(false).section(false).interface(1, 0, &[]);
        file.enhanced(0, 0, 0, &data[..length], &[]).bytes
    };
    assert_eq!(packets(&file(MAX_RECORD - 32))[0].data.len(), MAX_RECORD - 32);
    let message = format!("damaged at byte 48 after 0 packets: a block claims a length of {} bytes", MAX_RECORD + 4);
    assert_eq!(error(&file(MAX_RECORD - 31)), (48, 0, message));
}

#[test]
fn fields_that_contradict_each_other() {
    /// Where the block after the first packet begins. Its captured length is 20 bytes on.
    const AT: usize = 68;
    let begin = || File::new(false).section(false).interface(1, 3, &[]).simple(3, b"one");
    assert_eq!(begin().bytes.len(), AT);
    for (bytes, reason) in [
        (begin().block(6, &[0; 16]).bytes, "a block is too short for its fields"),
        (begin().block(2, &[0; 16]).bytes, "a block is too short for its fields"),
        (begin().block(2, &[]).bytes, "a block is too short for its fields"),
        (begin().block(3, &[]).bytes, "a block is too short for its fields"),
        (begin().block(1, &[0; 4]).bytes, "a block is too short for its fields"),
        (begin().block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a]).bytes, "a block is too short for its fields"),
        (begin().block(0x0a0d_0d0a, &[0; 16]).bytes, "a section header has no byte-order magic"),
        (patch(begin().enhanced(0, 0, 4, b"data", &[]), AT + 20, 5), "a block is too short for its fields"),
        (patch(begin().enhanced(0, 0, 4, b"data", &[]), AT + 20, u32::MAX), "a block is too short for its fields"),
        (patch(begin().old(0, 0, 4, b"data"), AT + 20, 5), "a packet is longer than its block"),
        (begin().simple(1500, b"").bytes, "a packet is longer than its block"),
        (begin().enhanced(1, 0, 4, b"data", &[]).bytes, "a packet names an interface that is not described before it"),
        (begin().old(1, 0, 4, b"data").bytes, "a packet names an interface that is not described before it"),
        (patch(begin().simple(4, b"data"), AT + 16, 24), "the two lengths of a block differ"),
        (patch(begin().block(99, b"data"), AT + 12, 20), "the two lengths of a block differ"),
    ] {
        assert_eq!(error(&bytes), (AT as u64, 1, format!("damaged at byte {AT} after 1 packet: {reason}")));
    }
    // A section forgets the interfaces of the one before it.
    let message = "damaged at byte 96 after 1 packet: a packet names an interface that is not described before it";
    assert_eq!(error(&begin().section(true).simple(3, b"one").bytes), is(message, 96, 1));
}

#[test]
fn garbage_after_the_last_block() {
    let file = some_pcapng();
    let end = file.bytes.len() as u64;
    for (garbage, reason) in [
        (&[0][..], "the file ends inside the header of a block"),
        (&[0; 11], "the file ends inside the header of a block"),
        (&[0; 512], "the length of a block is impossible"),
        (b"These 24 bytes follow it", "a block claims a length of 1696608820 bytes"),
    ] {
        let message = format!("damaged at byte {end} after 4 packets: {reason}");
        assert_eq!(error(&file.clone().raw(garbage).bytes), (end, 4, message));
    }
}

#[test]
fn an_unknown_version() {
    let message = "stopped at byte 0 after 0 packets: version 2.2 of the format is not supported";
    assert_eq!(error(&patch(one_packet(), 4, 0x0002_0002)), is(message, 0, 0));
    let message = "stopped at byte 0 after 0 packets: version 2.0 of the format is not supported";
    assert_eq!(error(&patch(one_block(), 12, 2)), is(message, 0, 0));
}

#[test]
fn an_unknown_link_type() {
    let message = "stopped at byte 0 after 0 packets: link type 147 is not supported";
    assert_eq!(error(&File::pcap(true, Magic::Nano, 147).bytes), is(message, 0, 0));
    let message = "stopped at byte 104 after 1 packet: link type 220 is not supported";
    let file = one_block().interface(220, 0, &[]).enhanced(1, 0, 3, b"usb", &[]);
    assert_eq!(error(&file.bytes), is(message, 104, 1));
}

#[test]
fn a_cut_gzip_stream() {
    for file in [some_pcap(), some_pcapng()] {
        let expected = packets(&file.bytes);
        let bytes = gzip(&file.bytes);
        for length in 2..bytes.len() {
            let (given, result) = read_bytes(&bytes[..length]);
            let error = result.expect_err("a cut stream");
            assert!(matches!(error.reason, Reason::Gzip(_)), "{length}: {error}");
            assert!(error.to_string().contains(" of the uncompressed data after "), "{length}: {error}");
            // The offset is where the decoder stopped: all that came before is counted.
            assert_eq!(error.packets, file.whole(usize::try_from(error.offset).unwrap()).1, "{length}");
            assert!(expected.starts_with(&given), "{length}");
        }
        // Without the checksum, everything has been read.
        let error = read_bytes(&bytes[..bytes.len() - 1]).1.unwrap_err();
        assert_eq!((error.offset, error.packets), (file.bytes.len() as u64, 4));
    }
}

#[test]
fn a_damaged_gzip_stream() {
    let file = some_pcap();
    let bytes = gzip(&file.bytes);
    let end = file.bytes.len();
    let prefix = format!("damaged at byte {end} of the uncompressed data after 4 packets: the gzip stream: ");

    let mut wrong = bytes.clone();
    wrong[bytes.len() - 8] ^= 1;
    assert_eq!(error(&wrong).0, end as u64);
    assert!(error(&wrong).2.starts_with(&prefix), "{}", error(&wrong).2);

    let garbage = [bytes.as_slice(), b"garbage that is no gzip member"].concat();
    assert!(error(&garbage).2.starts_with(&prefix), "{}", error(&garbage).2);

    // Damage of the file inside an intact gzip stream.
    let message = "damaged at byte 24 of the uncompressed data after 0 packets: the file ends inside a packet";
    assert_eq!(error(&gzip(cut(&one_packet(), 43))), is(message, 24, 0));
}

/// Corrupt data costs no more than the last few kilobytes before it.
#[test]
fn packets_before_corrupt_gzip_data_are_given() {
    let file = (0..2_000_u32).fold(File::pcap(false, Magic::Micro, 1), |file, i| {
        file.packet(Magic::Micro, i, 0, 0, &i.wrapping_mul(0x9e37_79b9).to_le_bytes().repeat(20))
    });
    let expected = packets(&file.bytes);
    let (head, tail) = file.bytes.split_at(file.bytes.len() / 2);
    // A final stored block whose two lengths do not complement each other.
    let corrupt = [&gzip(head)[..], &gzip(b"")[..10], &[1, 5, 0, 5, 0], &gzip(tail)].concat();
    let (given, result) = read_bytes(&corrupt);
    let error = result.unwrap_err();
    assert!(matches!(error.reason, Reason::Gzip(_)), "{error}");
    assert_eq!((error.offset, error.packets), (head.len() as u64, file.whole(head.len()).1));
    assert!(expected.starts_with(&given));

    // The same within a member: data in stored blocks, then a block of the type that does not exist.
    let mut corrupt = gzip(b"")[..10].to_vec();
    for block in head.chunks(usize::from(u16::MAX)) {
        let length = u16::try_from(block.len()).unwrap();
        corrupt.push(0);
        corrupt.extend(length.to_le_bytes());
        corrupt.extend((!length).to_le_bytes());
        corrupt.extend(block);
    }
    corrupt.push(0b110);
    let (given, result) = read_bytes(&corrupt);
    let error = result.unwrap_err();
    assert!(matches!(error.reason, Reason::Gzip(_)), "{error}");
    assert!((head.len() - GZIP_READ..=head.len()).contains(&usize::try_from(error.offset).unwrap()), "{error}");
    assert!(expected.starts_with(&given));
}

#[test]
fn a_failing_disk() {
    struct Failing(io::ErrorKind);
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(self.0, "the disk is on fire"))
        }
    }
    let file = one_packet();
    for length in 0..=file.bytes.len() {
        let (_, result) = read_from(cut(&file, length).chain(Failing(io::ErrorKind::InvalidData)));
        let error = result.unwrap_err();
        assert!(matches!(error.reason, Reason::Io(_)), "{error}");
        assert_eq!(error.packets, file.whole(length).1);
        let offset = if length < 2 { 0 } else { length as u64 };
        assert_eq!(error.offset, offset);
        assert!(error.to_string().ends_with("reading failed: the disk is on fire"), "{error}");
    }
    let bytes = gzip(&file.bytes);
    let error = read_from(bytes[..bytes.len() - 1].chain(Failing(io::ErrorKind::Other))).1.unwrap_err();
    let message = "stopped at byte 44 of the uncompressed data after 1 packet: reading failed: the disk is on fire";
    assert_eq!(error.to_string(), message);
}

#[test]
fn a_file_cut_at_every_byte() {
    for file in [some_pcap(), some_pcapng()] {
        let expected = packets(&file.bytes);
        for length in 0..=file.bytes.len() {
            let (end, count) = file.whole(length);
            let (given, result) = read_bytes(&file.bytes[..length]);
            assert_eq!(given, expected[..usize::try_from(count).unwrap()], "{length}");
            match result {
                Ok(summary) => {
                    assert_eq!((summary.bytes, end), (length as u64, length));
                    assert_ne!(length, 0);
                }
                Err(error) => {
                    assert_eq!(error.offset, end as u64, "{length}");
                    assert!(end < length || length == 0, "{length}: {error}");
                    assert!(matches!(error.reason, Reason::Cut(_) | Reason::Empty), "{length}: {error}");
                }
            }
        }
    }
}

/// Random bytes put in random places: no panic, no end of time, and no effect on the packets before them.
#[test]
fn random_damage() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 32).unwrap() % below
    };
    let interesting = [0, 1, 4, 0x0a, 0x0d, 0x7f, 0x80, 0xff];
    let mut damaged = 0;
    for file in [some_pcap(), some_pcapng()] {
        let expected = packets(&file.bytes);
        for _ in 0..4_000 {
            let mut bytes = file.bytes.clone();
            let mut first = bytes.len();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                bytes[at] = if random(2) == 0 { interesting[random(8)] } else { u8::try_from(random(256)).unwrap() };
                first = first.min(at);
            }
            let (end, count) = file.whole(first);
            let (given, result) = read_bytes(&bytes);
            let intact = usize::try_from(count).unwrap();
            assert_eq!(given[..intact], expected[..intact]);
            match result {
                Ok(summary) => assert_eq!(summary.bytes, bytes.len() as u64),
                Err(error) => {
                    assert!((end..=bytes.len()).contains(&usize::try_from(error.offset).unwrap()), "{error}");
                    damaged += 1;
                }
            }

            let mut bytes = gzip(&file.bytes);
            let at = random(bytes.len());
            bytes[at] ^= 1 << random(8);
            let (given, result) = read_bytes(&bytes);
            // Some bits of a gzip stream do not matter; the checksum guards all the others.
            assert!(result.is_err() || given == expected, "bit flipped in byte {at}");
        }
    }
    assert!(damaged > 2_000, "only {damaged} files were found damaged");
}
