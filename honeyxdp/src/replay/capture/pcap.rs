//! The classic format: one header, then packets.

use pcap_parser::nom::Err as Nom;
use pcap_parser::parse_pcap_header;

use super::order::Order;
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
/// Length of a packet header, bytes: seconds, their fraction, captured and original length.
const PACKET_HEADER: usize = 16;
/// The same in the modified format, of patched libpcaps, which adds the interface, the protocol and the packet type.
const MODIFIED_PACKET_HEADER: usize = 24;

/// Reads a whole file.
pub(super) fn read(stream: &mut Stream<'_>, each: impl FnMut(Packet<'_>)) -> Result<(), Reason> {
    stream.fill(HEADER)?;
    let header = match parse_pcap_header(stream.window()) {
        Ok((_, header)) => header,
        Err(Nom::Incomplete(_)) => return Err(Reason::Cut("the file header")),
        // The same bytes, however many a `read` has given.
        Err(_) => return Err(not_a_capture(&stream.window()[..HEADER.min(stream.window().len())])),
    };
    if (header.version_major, header.version_minor) != VERSION {
        return Err(Reason::Version(header.version_major, header.version_minor));
    }
    let number = header.network.0.cast_unsigned() & LINK_TYPE;
    let link = LinkType::from_number(number).ok_or(Reason::LinkType(number))?;
    let mut packets = Packets {
        order: if header.is_bigendian() { Order::Big } else { Order::Little },
        header: if header.is_modified_format() { MODIFIED_PACKET_HEADER } else { PACKET_HEADER },
        units: if header.is_nanosecond_precision() { NANOSECONDS } else { MICROSECONDS },
        link,
        each,
    };
    stream.consume(HEADER);
    match packets.order {
        Order::Little => stream.each_window(|bytes| packets.take(bytes, Order::Little))?,
        Order::Big => stream.each_window(|bytes| packets.take(bytes, Order::Big))?,
    }
    match stream.window().len() {
        0 => Ok(()),
        left if left < packets.header => Err(Reason::Cut("the header of a packet")),
        _ => Err(Reason::Cut("a packet")),
    }
}

/// What the file header means for the packets, and who gets them.
struct Packets<F> {
    order: Order,
    /// Length of a packet header, bytes.
    header: usize,
    /// Units of a timestamp's fraction in a second.
    units: u64,
    link: LinkType,
    each: F,
}

impl<F: FnMut(Packet<'_>)> Packets<F> {
    /// Takes the whole packets off the front of `bytes`; how many bytes the next one has.
    ///
    /// The order of the file is said by the caller, as a constant: then no integer is read in both.
    #[inline(always)]
    fn take(&mut self, bytes: &mut &[u8], order: Order) -> Result<usize, Reason> {
        loop {
            let header: &[u8; PACKET_HEADER] = match bytes.first_chunk() {
                Some(header) if bytes.len() >= self.header => header,
                _ => return Ok(self.header),
            };
            let word = |at| order.u32(header, at);
            let (seconds, fraction, captured, original_len) = (word(0), word(4), word(8), word(12));
            let length = self.header + captured as usize;
            if length > MAX_RECORD {
                return Err(Reason::TooLong("a packet", length as u64));
            }
            let Some((packet, rest)) = bytes.split_at_checked(length) else {
                return Ok(length);
            };
            (self.each)(Packet {
                link: self.link,
                timestamp: Time::new(seconds.into(), fraction.into(), self.units),
                original_len,
                data: &packet[self.header..],
            });
            *bytes = rest;
        }
    }
}
