//! The classic format: one header, then packets.

use pcap_parser::nom::{Err as Nom, IResult, Needed};
use pcap_parser::{
    LegacyPcapBlock, PcapError, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};

use super::stream::Stream;
use super::time::{MICROSECONDS, NANOSECONDS, Time};
use super::{MAX_RECORD, Packet, Reason, not_a_capture};
use crate::replay::link::LinkType;

/// Length of the file header, bytes.
const HEADER: usize = 24;
/// The version of the draft. Older ones order the fields of a packet header differently.
const VERSION: (u16, u16) = (2, 4);
/// Where the link type is in the last field of the header; above it is the length of a check sequence.
const LINK_TYPE: u32 = 0xffff;

/// Reads one packet from the beginning of a slice.
type Parse = for<'a> fn(&'a [u8]) -> IResult<&'a [u8], LegacyPcapBlock<'a>, PcapError<&'a [u8]>>;

/// Reads a whole file.
pub(super) fn read(stream: &mut Stream<'_>, mut each: impl FnMut(Packet<'_>)) -> Result<(), Reason> {
    stream.fill(HEADER)?;
    let header = match parse_pcap_header(stream.window()) {
        Ok((_, header)) => header,
        Err(Nom::Incomplete(_)) => return Err(Reason::Cut("the file header")),
        Err(_) => return Err(not_a_capture(stream.window())),
    };
    if (header.version_major, header.version_minor) != VERSION {
        return Err(Reason::Version(header.version_major, header.version_minor));
    }
    let number = header.network.0.cast_unsigned() & LINK_TYPE;
    let link = LinkType::from_number(number).ok_or(Reason::LinkType(number))?;
    let units = if header.is_nanosecond_precision() { NANOSECONDS } else { MICROSECONDS };
    // The modified format, of patched libpcaps, adds the interface, the protocol and the packet type.
    let (packet_header, parse): (_, Parse) = match (header.is_modified_format(), header.is_bigendian()) {
        (true, _) => (24, parse_pcap_frame_modified),
        (false, true) => (16, parse_pcap_frame_be),
        (false, false) => (16, parse_pcap_frame),
    };
    stream.consume(HEADER);

    loop {
        let missing = match parse(stream.window()) {
            Ok((_, frame)) => {
                each(Packet {
                    link,
                    timestamp: Time::new(frame.ts_sec.into(), frame.ts_usec.into(), units),
                    original_len: frame.origlen,
                    data: frame.data,
                });
                let length = packet_header + frame.data.len();
                stream.packets += 1;
                stream.consume(length);
                continue;
            }
            Err(Nom::Incomplete(Needed::Size(missing))) => missing.get(),
            Err(_) => return Err(Reason::Damaged("a packet cannot be read")),
        };
        let length = stream.window().len() + missing;
        if length > MAX_RECORD {
            return Err(Reason::TooLong("a packet", length as u64));
        }
        if !stream.fill(length)? {
            return match stream.window().len() {
                0 => Ok(()),
                left if left < packet_header => Err(Reason::Cut("the header of a packet")),
                _ => Err(Reason::Cut("a packet")),
            };
        }
    }
}
