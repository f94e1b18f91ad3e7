//! Files without damage.

use super::build::{File, Magic, gzip, some_pcap, some_pcapng};
use super::{Given, Input, LinkType, error, packets, read_bytes, read_from};
use crate::replay::capture::{Format, Summary};

const BILLION: i128 = 1_000_000_000;

#[test]
fn pcap_of_every_magic_and_byte_order() {
    for (magic, big, nanoseconds) in [
        (Magic::Micro, false, 999_999_000),
        (Magic::Micro, true, 999_999_000),
        (Magic::Nano, false, 999_999),
        (Magic::Nano, true, 999_999),
        (Magic::Modified, false, 999_999_000),
    ] {
        let file = File::pcap(big, magic, 1)
            .packet(magic, 1_600_000_000, 999_999, 1500, b"first")
            .packet(magic, u32::MAX, 0, 0, b"")
            .packet(magic, 0, 0, 7, b"another");
        let given = |time, original_len, data: &[u8]| Given {
            link: LinkType::Ethernet,
            time: Some(time),
            original_len,
            data: data.to_vec(),
        };
        let expected = [
            given(1_600_000_000 * BILLION + nanoseconds, 1500, b"first"),
            given(i128::from(u32::MAX) * BILLION, 0, b""),
            given(0, 7, b"another"),
        ];
        assert_eq!(packets(&file.bytes), expected, "{magic:?}, big-endian: {big}");
    }
}

#[test]
fn a_fraction_of_more_than_a_second_is_no_time() {
    for (magic, second) in [(Magic::Micro, 1_000_000), (Magic::Nano, 1_000_000_000)] {
        let file = File::pcap(false, magic, 1).packet(magic, 5, second, 0, b"").packet(magic, 5, second - 1, 0, b"");
        let times: Vec<_> = packets(&file.bytes).into_iter().map(|packet| packet.time.is_some()).collect();
        assert_eq!(times, [false, true]);
    }
}

#[test]
fn the_length_of_a_check_sequence_is_no_part_of_the_link_type() {
    let file = File::pcap(true, Magic::Micro, 0x2400_0071).packet(Magic::Micro, 0, 0, 0, b"");
    assert_eq!(packets(&file.bytes)[0].link, LinkType::Cooked);
}

#[test]
fn pcapng_with_several_sections_interfaces_and_kinds_of_packets() {
    let given = |link, time, original_len, data: &[u8]| Given { link, time, original_len, data: data.to_vec() };
    let expected = [
        given(LinkType::Ethernet, Some(1_600_000_000_123_456_789), 60, b"one"),
        given(LinkType::Raw, Some(1_600_000_000_123_456_000), 3, b"two"),
        given(LinkType::Cooked, None, 1400, b"three"),
        given(LinkType::Cooked, Some(1_600_000_000_123_457_000), 4, b"four"),
    ];
    assert_eq!(packets(&some_pcapng().bytes), expected);
}

#[test]
fn the_interface_of_an_old_packet_has_16_bits() {
    for big in [false, true] {
        let file = File::new(big).section(big).interface(1, 0, &[]).interface(229, 0, &[]).old(1, 0, 3, b"one");
        assert_eq!(packets(&file.bytes)[0].link, LinkType::Ipv6);
    }
}

#[test]
fn a_simple_packet_ends_at_the_snap_length_or_at_its_own() {
    for (snap_length, original, expected) in [(6, 1500, 6), (6, 5, 5), (0, 7, 7), (6, 6, 6)] {
        let file = File::new(false).section(false).interface(1, snap_length, &[]).simple(original, b"abcdef--");
        let packet = packets(&file.bytes).remove(0);
        assert_eq!((packet.data.len(), packet.original_len), (expected, original));
    }
}

#[test]
fn every_resolution_and_offset_of_time() {
    const TSRESOL: u16 = 9;
    const TSOFFSET: u16 = 14;
    for big in [false, true] {
        let offset = |seconds: i64| if big { seconds.to_be_bytes() } else { seconds.to_le_bytes() };
        let time = |options: &[(u16, &[u8])], time| {
            let file = File::new(big).section(big).interface(1, 0, options).enhanced(0, time, 0, b"", &[]);
            packets(&file.bytes)[0].time
        };
        assert_eq!(time(&[], 1_500_000), Some(1_500_000_000));
        assert_eq!(time(&[(TSRESOL, &[0])], 77), Some(77 * BILLION));
        assert_eq!(time(&[(TSRESOL, &[3])], 1_234), Some(1_234_000_000));
        assert_eq!(time(&[(TSRESOL, &[6])], 1_234), Some(1_234_000));
        assert_eq!(time(&[(TSRESOL, &[9])], (1 << 60) + 1), Some((1 << 60) + 1));
        assert_eq!(time(&[(TSRESOL, &[12])], 1_234_567_890_123_456), Some(1_234_567_890_123));
        assert_eq!(time(&[(TSRESOL, &[19])], u64::MAX), Some(1_844_674_407));
        assert_eq!(time(&[(TSRESOL, &[20])], 1), None);
        assert_eq!(time(&[(TSRESOL, &[0x80])], 77), Some(77 * BILLION));
        assert_eq!(time(&[(TSRESOL, &[0x80 | 10])], 1_024 + 512), Some(1_500_000_000));
        assert_eq!(time(&[(TSRESOL, &[0x80 | 63])], 3 << 62), Some(1_500_000_000));
        assert_eq!(time(&[(TSRESOL, &[0x80 | 64])], 1), None);
        assert_eq!(time(&[(TSRESOL, &[0])], u64::MAX), None);

        assert_eq!(time(&[(TSOFFSET, &offset(-3))], 1_500_000), Some(-1_500_000_000));
        assert_eq!(time(&[(TSRESOL, &[9]), (TSOFFSET, &offset(1_600_000_000))], 5), Some(1_600_000_000 * BILLION + 5));
        assert_eq!(time(&[(TSOFFSET, &offset(i64::MAX))], 1_000_000), None);
        // What comes after the end of the options is none.
        assert_eq!(time(&[(0, &[]), (TSRESOL, &[0])], 1_500_000), Some(1_500_000_000));
    }
}

#[test]
fn an_interface_of_unknown_link_type_does_no_harm_without_packets() {
    let file =
        File::new(false).section(false).interface(220, 0, &[]).interface(1, 0, &[]).enhanced(1, 0, 3, b"one", &[]);
    assert_eq!(packets(&file.bytes)[0].data, b"one");
}

#[test]
fn blocks_without_packets_may_hold_anything() {
    let file = [4, 5, 7, 9, 10, 0xbad, 0x4000_0bad, 0x8000_0001, 0]
        .into_iter()
        .fold(File::new(false).section(false).interface(1, 0, &[]), |file, kind| {
            file.block(kind, &[]).block(kind, &[0xff; 20]).enhanced(0, 0, 3, b"one", &[])
        });
    assert_eq!(packets(&file.bytes).len(), 9);
}

#[test]
fn the_summary() {
    for (file, format, packets) in [(some_pcap(), Format::Pcap, 4), (some_pcapng(), Format::PcapNg, 4)] {
        let bytes = file.bytes.len() as u64;
        let expected = Summary { format, gzip: false, packets, bytes };
        assert_eq!(read_bytes(&file.bytes).1.unwrap(), expected);
        assert_eq!(read_bytes(&gzip(&file.bytes)).1.unwrap(), Summary { gzip: true, ..expected });
    }
}

#[test]
fn gzip_of_several_members_that_end_anywhere() {
    for file in [some_pcap(), some_pcapng()] {
        let expected = packets(&file.bytes);
        for at in 0..=file.bytes.len() {
            let (head, tail) = file.bytes.split_at(at);
            assert_eq!(packets(&[gzip(head), gzip(&[]), gzip(tail)].concat()), expected, "{at}");
        }
    }
}

#[test]
fn reads_of_any_length() {
    for file in [some_pcap(), some_pcapng()] {
        let expected = packets(&file.bytes);
        for bytes in [file.bytes.clone(), gzip(&file.bytes)] {
            for step in 1..40 {
                let (given, result) = read_from(Input { bytes: &bytes, step, interrupt: false, ends: 0 });
                assert_eq!(result.map(|summary| summary.bytes).ok(), Some(file.bytes.len() as u64));
                assert_eq!(given, expected, "{step} bytes at a time");
            }
        }
    }
}

/// Bytes that differ from packet to packet.
fn pattern(packet: u32, length: usize) -> Vec<u8> {
    packet.wrapping_mul(0x9e37_79b9).to_le_bytes().into_iter().cycle().take(length).collect()
}

/// More than the window holds, with packets that are shorter and longer than it.
#[test]
fn the_window_moves_and_grows() {
    let mut file = File::pcap(false, Magic::Micro, 1);
    let mut section = File::new(true).section(true).interface(1, 0, &[]);
    let lengths: Vec<usize> = (0..30_000).map(|i| if i == 20_000 { 3 << 20 } else { i % 97 }).collect();
    for (&length, i) in lengths.iter().zip(0..) {
        let data = pattern(i, length);
        file = file.packet(Magic::Micro, i, 0, 0, &data);
        section = section.enhanced(0, u64::from(i) * 1_000_000, 0, &data, &[]);
    }
    for bytes in [&file.bytes, &section.bytes, &gzip(&file.bytes)] {
        let given = packets(bytes);
        assert_eq!(given.len(), lengths.len());
        for ((packet, &length), i) in given.iter().zip(&lengths).zip(0..) {
            assert_eq!(packet.time, Some(i128::from(i) * BILLION));
            assert!(packet.data == pattern(i, length), "packet {i} of {length} bytes");
        }
    }
}

/// Packed with gzip, interfaces without end take a few bytes in a file, and without a bound all memory.
#[test]
fn a_section_has_so_many_interfaces_and_no_more() {
    let most = (0..1 << 16).fold(File::new(false).section(false), |file, _| file.interface(1, 0, &[]));
    let last = most.clone().enhanced(0xffff, 0, 4, b"data", &[]);
    assert_eq!(packets(&last.bytes).len(), 1);
    let end = most.bytes.len() as u64;
    let more = gzip(&most.interface(1, 0, &[]).bytes);
    assert!(more.len() < 10_000, "{}", more.len());
    let (offset, _, message) = error(&more);
    assert_eq!(offset, end);
    assert!(message.ends_with("a section describes more than 65,536 interfaces"), "{message}");
}
