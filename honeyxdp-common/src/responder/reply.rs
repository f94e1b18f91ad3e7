//! Headers of an answer, built from the segment that it answers.

use crate::dissect::{ACK, PSH, RST, SYN, Segment, TCP_HEADER};

/// Length of an IPv4 header without options, bytes.
pub const V4_HEADER: usize = 20;
/// Length of an IPv6 header without extension headers, bytes.
pub const V6_HEADER: usize = 40;
/// Words of the longest text.
const TEXT: usize = 3;
/// First word of the TCP header, directly after an IPv6 header.
const TCP: usize = 10;
/// Words of a TCP header.
const HEADER: usize = TCP_HEADER / 4;
/// Length of the only option, MSS, bytes.
const OPTION: usize = 4;
const WORDS: usize = TCP + HEADER + TEXT;

/// Linux default (net.ipv4.ip_default_ttl).
const HOPS: u8 = 64;
/// Largest unscaled window: the whole first payload fits.
const WINDOW: u16 = u16::MAX;
const DONT_FRAGMENT: u32 = 0x4000;
const PROTOCOL: u8 = 6;
/// Kind 2, length 4 (RFC 9293, section 3.2), with the MSS of an MTU of 1,500 bytes (RFC 6691).
const MSS_V4: u32 = 0x0204_0000 | 1460;
const MSS_V6: u32 = 0x0204_0000 | 1440;

/// Text that the responder sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// Nothing.
    None,
    /// Prompt for a user name.
    User,
    /// Prompt for a password.
    Password,
}

impl Text {
    /// The text as words, padded with zeros.
    #[inline(always)]
    const fn words(self) -> [u32; TEXT] {
        match self {
            Self::None => [0; TEXT],
            Self::User => [u32::from_be_bytes(*b"logi"), u32::from_be_bytes(*b"n: \0"), 0],
            Self::Password => {
                [u32::from_be_bytes(*b"Pass"), u32::from_be_bytes(*b"word"), u32::from_be_bytes(*b": \0\0")]
            }
        }
    }

    /// Length of the text in bytes.
    #[inline(always)]
    pub const fn length(self) -> usize {
        match self {
            Self::None => 0,
            Self::User => 7,
            Self::Password => 10,
        }
    }
}

/// An answer: sequence numbers, flags and text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// TCP flags.
    pub flags: u8,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP acknowledgment number.
    pub ack: u32,
    /// Text after the header.
    pub text: Text,
}

impl Answer {
    /// Answers a SYN.
    #[inline(always)]
    pub const fn to_syn(of: &Segment, seq: u32) -> Self {
        Self { flags: SYN | ACK, seq, ack: of.seq.wrapping_add(1), text: Text::None }
    }

    /// Acknowledges up to `ack`, with text to send.
    #[inline(always)]
    pub const fn acknowledge(seq: u32, ack: u32, text: Text) -> Self {
        let flags = if text.length() > 0 { ACK | PSH } else { ACK };
        Self { flags, seq, ack, text }
    }

    /// Acknowledges up to `ack` and resets the connection.
    #[inline(always)]
    pub const fn end(seq: u32, ack: u32) -> Self {
        Self { flags: RST | ACK, seq, ack, text: Text::None }
    }
}

/// IP and TCP headers of an answer, and its text.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// In wire order: an IPv6 header from the start, or an IPv4 header directly before TCP.
    words: [u32; WORDS],
    #[cfg(test)]
    is_v4: bool,
    /// Length of TCP header and text, bytes.
    pub segment: usize,
}

impl Reply {
    /// First word of an IPv4 header. TCP starts at the same word for both versions, because the XDP program needs constants.
    pub const V4: usize = TCP - V4_HEADER / 4;
    /// Longest TCP header and text, bytes.
    pub const SEGMENT: usize = (WORDS - TCP) * 4;

    /// Builds the headers of an answer. The answer to a SYN has no more options than the SYN, so it is never longer.
    #[inline(always)]
    pub const fn new(of: &Segment, answer: Answer) -> Self {
        let option = if answer.flags & SYN != 0 && of.options >= OPTION { OPTION } else { 0 };
        let length = TCP_HEADER + option + answer.text.length();
        let mut words = [0; WORDS];
        if of.is_v4() {
            [words[TCP - 2], words[TCP - 1]] = [of.dst.v4(), of.src.v4()];
        } else {
            [words[2], words[3]] = [(of.dst.high >> 32) as u32, of.dst.high as u32];
            [words[4], words[5]] = [(of.dst.low >> 32) as u32, of.dst.low as u32];
            [words[6], words[7]] = [(of.src.high >> 32) as u32, of.src.high as u32];
            [words[8], words[9]] = [(of.src.low >> 32) as u32, of.src.low as u32];
        }
        words[TCP] = (of.dport as u32) << 16 | of.sport as u32;
        words[TCP + 1] = answer.seq;
        words[TCP + 2] = answer.ack;
        words[TCP + 3] = ((TCP_HEADER + option) as u32 / 4) << 28 | (answer.flags as u32) << 16 | WINDOW as u32;
        [words[TCP + HEADER], words[TCP + HEADER + 1], words[TCP + HEADER + 2]] = answer.text.words();
        if option > 0 {
            words[TCP + HEADER] = if of.is_v4() { MSS_V4 } else { MSS_V6 };
        }
        // The words hold addresses, segment and zeros so far: add the rest of the pseudo-header as numbers.
        words[TCP + 4] = fold(sum(&words, 0, WORDS) + PROTOCOL as u64 + length as u64) << 16;
        if of.is_v4() {
            words[Self::V4] = 0x4500 << 16 | (V4_HEADER + length) as u32;
            words[Self::V4 + 1] = DONT_FRAGMENT;
            words[Self::V4 + 2] = (HOPS as u32) << 24 | (PROTOCOL as u32) << 16;
            words[Self::V4 + 2] |= fold(sum(&words, Self::V4, TCP));
        } else {
            words[0] = 6 << 28;
            words[1] = (length as u32) << 16 | (PROTOCOL as u32) << 8 | HOPS as u32;
        }
        let mut at = 0;
        while at < WORDS {
            words[at] = words[at].to_be();
            at += 1;
        }
        Self {
            words,
            #[cfg(test)]
            is_v4: of.is_v4(),
            segment: length,
        }
    }

    /// The words: an IPv6 header from the first, an IPv4 header from [`Reply::V4`].
    #[inline(always)]
    pub const fn words(&self) -> &[u32; WORDS] {
        &self.words
    }

    /// The bytes that are sent.
    #[cfg(test)]
    fn bytes(&self) -> std::vec::Vec<u8> {
        let bytes = self.words.iter().flat_map(|word| word.to_ne_bytes());
        let start = if self.is_v4 { Self::V4 * 4 } else { 0 };
        bytes.take(TCP * 4 + self.segment).skip(start).collect()
    }
}

/// Sum of words, folded later to the Internet checksum (RFC 1071).
#[inline(always)]
const fn sum(words: &[u32; WORDS], start: usize, end: usize) -> u64 {
    let mut sum = 0;
    let mut at = start;
    while at < end {
        sum += words[at] as u64;
        at += 1;
    }
    sum
}

/// Folds a sum to the checksum.
#[inline(always)]
const fn fold(sum: u64) -> u32 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    !((sum & 0xffff) + (sum >> 16)) as u32 & 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect;

    use std::{vec, vec::Vec};

    /// A frame of TCP over IPv4 or IPv6 with this many bytes of options.
    fn frame(is_v4: bool, options: usize, flags: u8) -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend(if is_v4 { [8, 0] } else { [0x86, 0xdd] });
        let length = (TCP_HEADER + options) as u8;
        if is_v4 {
            frame.extend([0x45, 0, 0, 20 + length, 0, 1, 0, 0, 64, 6, 0, 0, 198, 18, 255, 255, 198, 18, 0, 1]);
        } else {
            frame.extend([0x60, 0, 0, 0, 0, length, 6, 64]);
            frame.extend([0xff; 16]);
            frame.extend([0xfd; 16]);
        }
        frame.extend([
            0xff,
            0xff,
            0,
            23,
            0xff,
            0xff,
            0xff,
            0xff,
            0,
            0,
            0,
            9,
            (length / 4) << 4,
            flags,
            2,
            0,
            0,
            0,
            0,
            0,
        ]);
        frame.resize(frame.len() + options, 1);
        frame
    }

    fn read(frame: &[u8]) -> Segment {
        let mut segment = Segment::BLANK;
        assert!(dissect::segment(frame, &mut segment));
        segment
    }

    /// Whether the checksum over these bytes is correct (RFC 1071).
    fn checks(bytes: &[u8]) -> bool {
        let mut sum: u64 = 0;
        for pair in bytes.chunks(2) {
            sum += u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u64::from(*low));
        }
        fold(sum) == 0
    }

    #[test]
    fn answer_has_valid_checksums_and_is_no_longer_than_the_syn() {
        let mut made = 0;
        for (is_v4, options) in [(true, 0), (true, 4), (true, 20), (false, 0), (false, 40)] {
            let frame = frame(is_v4, options, SYN);
            let of = read(&frame);
            assert_eq!((of.is_v4(), of.options, of.length, of.is_plain()), (is_v4, options, 0, true));
            for seq in [0, 1, 0x8000_0000, u32::MAX] {
                for answer in [
                    Answer::to_syn(&of, seq),
                    Answer::end(seq, 7),
                    Answer::acknowledge(seq, 7, Text::None),
                    Answer::acknowledge(seq, 7, Text::User),
                    Answer::acknowledge(seq, 7, Text::Password),
                ] {
                    let reply = Reply::new(&of, answer);
                    let bytes = reply.bytes();
                    let header = if is_v4 { V4_HEADER } else { V6_HEADER };
                    assert_eq!(bytes.len(), header + reply.segment);
                    let (network, tcp) = bytes.split_at(header);
                    let mut pseudo = if is_v4 { network[12..20].to_vec() } else { network[8..40].to_vec() };
                    pseudo.extend([0, PROTOCOL, 0, reply.segment as u8]);
                    pseudo.extend(tcp);
                    assert!(checks(&pseudo), "{answer:?}");
                    assert!(!is_v4 || checks(network), "{answer:?}");
                    if answer.flags & SYN != 0 {
                        assert!(bytes.len() <= frame.len() - 14, "{answer:?}");
                        assert_eq!(tcp.len() > TCP_HEADER, options > 0);
                    }
                    // Read back by the ordinary parser.
                    let mut whole = frame[..14].to_vec();
                    whole.extend(&bytes);
                    let back = read(&whole);
                    assert_eq!((back.src, back.dst, back.sport, back.dport), (of.dst, of.src, of.dport, of.sport));
                    assert_eq!((back.seq, back.ack, back.flags), (answer.seq, answer.ack, answer.flags));
                    assert_eq!(back.length, answer.text.length());
                    made += 1;
                }
            }
        }
        assert_eq!(made, 5 * 4 * 5);
    }
}
