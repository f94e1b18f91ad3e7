//! The format of blocks: sections, interfaces, packets.

use pcap_parser::nom::IResult;
use pcap_parser::{
    BOM_MAGIC, Block, EPB_MAGIC, IDB_MAGIC, InterfaceDescriptionBlock, OptionCode, PcapError, SHB_MAGIC, SPB_MAGIC,
    parse_block_be, parse_block_le,
};

use super::order::Order;
use super::stream::Stream;
use super::time::{MICROSECONDS, Time};
use super::{MAX_RECORD, Packet, Reason};
use crate::replay::link::LinkType;

/// Length of the shortest block: type, length, and the length again. The byte order of a section is known by then.
const BLOCK: usize = 12;
/// Type of the packet block that the enhanced one replaced; pcap-parser does not know it.
const OLD_PACKET: u32 = 2;
/// The only major version there is.
const VERSION: u16 = 1;

/// The most interfaces of a section, so that memory does not depend on the size of the file: packed with gzip, a thousand of them
/// take some bytes. Captures of all interfaces of a machine have hundreds.
const MOST_INTERFACES: usize = 1 << 16;

const TOO_SHORT: Reason = Reason::Damaged("a block is too short for its fields");
const NO_INTERFACE: Reason = Reason::Damaged("a packet names an interface that is not described before it");
const PACKET_LENGTH: Reason = Reason::Damaged("a packet is longer than its block");

/// Reads a whole file, whose first four bytes are known to begin a section.
pub(super) fn read(stream: &mut Stream<'_>, mut each: impl FnMut(Packet<'_>)) -> Result<(), Reason> {
    let mut section = Section { order: Order::Little, interfaces: Vec::new() };
    stream.each_window(|bytes| section.take(bytes, &mut each))?;
    let left = stream.window();
    if left.is_empty() {
        return Ok(());
    }
    Err(Reason::Cut(if left.len() < BLOCK {
        "the header of a block"
    } else if matches!(section.order.u32(left, 0), EPB_MAGIC | SPB_MAGIC | OLD_PACKET) {
        "a packet"
    } else {
        "a block"
    }))
}

/// The byte order that a section header says it is in.
fn order_of_section(block: &[u8]) -> Result<Order, Reason> {
    [Order::Little, Order::Big]
        .into_iter()
        .find(|order| order.u32(block, 8) == BOM_MAGIC)
        .ok_or(Reason::Damaged("a section header has no byte-order magic"))
}

/// The fields of a block. pcap-parser asks for more input when they do not fit in it.
fn parse(order: Order, block: &[u8]) -> Result<Block<'_>, Reason> {
    let result: IResult<_, _, PcapError<_>> = match order {
        Order::Little => parse_block_le(block),
        Order::Big => parse_block_be(block),
    };
    result.map(|(_, block)| block).map_err(|_| TOO_SHORT)
}

/// The first `FIXED` bytes of a block, and what is between them and the length at its end.
#[inline]
fn split<const FIXED: usize>(block: &[u8]) -> Result<(&[u8; FIXED], &[u8]), Reason> {
    block[..block.len() - 4].split_first_chunk().ok_or(TOO_SHORT)
}

/// What the blocks of a section so far mean for its packets.
struct Section {
    order: Order,
    interfaces: Vec<Interface>,
}

impl Section {
    /// Takes the whole blocks off the front of `bytes`, and gives `each` the packets in them; how many bytes the next one
    /// has.
    fn take(&mut self, bytes: &mut &[u8], each: &mut impl FnMut(Packet<'_>)) -> Result<usize, Reason> {
        loop {
            let Some(header) = bytes.first_chunk::<BLOCK>() else {
                return Ok(BLOCK);
            };
            // The type of a section header is the same in both byte orders.
            if self.order.u32(header, 0) == SHB_MAGIC {
                *self = Self { order: order_of_section(header)?, interfaces: Vec::new() };
            }
            let kind = self.order.u32(header, 0);
            let claimed = self.order.u32(header, 4);
            let length = claimed as usize;
            if length < BLOCK || !length.is_multiple_of(4) {
                return Err(Reason::Damaged("the length of a block is impossible"));
            }
            if length > MAX_RECORD {
                return Err(Reason::TooLong("a block", claimed.into()));
            }
            let Some((block, rest)) = bytes.split_at_checked(length) else {
                return Ok(length);
            };
            if self.order.u32(block, length - 4) != claimed {
                return Err(Reason::Damaged("the two lengths of a block differ"));
            }
            if let Some(packet) = self.block(kind, block)? {
                each(packet);
            }
            *bytes = rest;
        }
    }

    /// Takes note of a whole block, and gives the packet in it, if any.
    #[inline]
    fn block<'a>(&mut self, kind: u32, block: &'a [u8]) -> Result<Option<Packet<'a>>, Reason> {
        match kind {
            EPB_MAGIC => self.enhanced_packet(block).map(Some),
            SPB_MAGIC => self.simple_packet(block).map(Some),
            OLD_PACKET => self.old_packet(block).map(Some),
            SHB_MAGIC | IDB_MAGIC => self.describe(block).map(|()| None),
            // Other blocks do not matter, so damage in them does not either.
            _ => Ok(None),
        }
    }

    /// Takes note of a block that has no packet.
    fn describe(&mut self, block: &[u8]) -> Result<(), Reason> {
        match parse(self.order, block)? {
            Block::SectionHeader(header) if header.major_version != VERSION => {
                return Err(Reason::Version(header.major_version, header.minor_version));
            }
            Block::InterfaceDescription(_) if self.interfaces.len() == MOST_INTERFACES => {
                return Err(Reason::Damaged("a section describes more than 65,536 interfaces"));
            }
            Block::InterfaceDescription(description) => {
                self.interfaces.push(Interface::new(self.order, &description));
            }
            _ => {}
        }
        Ok(())
    }

    /// Interface, time in two words, captured and original length; then the data, and options, which do not matter.
    #[inline]
    fn enhanced_packet<'a>(&self, block: &'a [u8]) -> Result<Packet<'a>, Reason> {
        let (fields, data) = split::<28>(block)?;
        let word = |at| self.order.u32(fields, at);
        let time = u64::from(word(12)) << 32 | u64::from(word(16));
        if word(20) as usize > data.len() {
            return Err(TOO_SHORT);
        }
        self.packet(word(8), Some(time), word(20), word(24), data)
    }

    /// Original length, then the data.
    fn simple_packet<'a>(&self, block: &'a [u8]) -> Result<Packet<'a>, Reason> {
        let (fields, data) = split::<12>(block)?;
        let original_len = self.order.u32(fields, 8);
        // It has no captured length: that is the snap length, 0 for none, if the packet was longer.
        let captured = match self.interfaces.first().ok_or(NO_INTERFACE)?.snap_length {
            0 => original_len,
            snap_length => original_len.min(snap_length),
        };
        self.packet(0, None, captured, original_len, data)
    }

    /// Like an enhanced packet, but for 16 bits of interface and 16 bits of drop count.
    fn old_packet<'a>(&self, block: &'a [u8]) -> Result<Packet<'a>, Reason> {
        let (fields, data) = split::<28>(block)?;
        let word = |at| self.order.u32(fields, at);
        let interface = match self.order {
            Order::Little => word(8) & 0xffff,
            Order::Big => word(8) >> 16,
        };
        let time = u64::from(word(12)) << 32 | u64::from(word(16));
        self.packet(interface, Some(time), word(20), word(24), data)
    }

    /// A packet of an interface; `data` is at least the `captured` bytes of it.
    #[inline]
    fn packet<'a>(
        &self,
        interface: u32,
        time: Option<u64>,
        captured: u32,
        original_len: u32,
        data: &'a [u8],
    ) -> Result<Packet<'a>, Reason> {
        let interface = self.interfaces.get(interface as usize).ok_or(NO_INTERFACE)?;
        Ok(Packet {
            // Only here: an interface without packets may be of any type.
            link: interface.link.map_err(Reason::LinkType)?,
            timestamp: time.and_then(|time| interface.time(time)),
            original_len,
            data: data.get(..captured as usize).ok_or(PACKET_LENGTH)?,
        })
    }
}

/// What an interface description says about its packets.
struct Interface {
    /// The number of a link type that cannot be read is kept for the error.
    link: Result<LinkType, u32>,
    /// The most that was captured of a packet, bytes; 0 for no limit.
    snap_length: u32,
    /// Units of a timestamp in a second; `None` for more than 64 bits can count.
    units: Option<u64>,
    /// What is to be added to a timestamp, seconds.
    offset: i64,
}

impl Interface {
    fn new(order: Order, description: &InterfaceDescriptionBlock<'_>) -> Self {
        // The getters of pcap-parser are not used: they know no resolution in powers of two and no big-endian offset.
        let option = |code| {
            let mut options = description.options.iter().take_while(|option| option.code != OptionCode::EndOfOpt);
            options.find(|option| option.code == code).and_then(|option| option.as_bytes().ok())
        };
        let number = description.linktype.0.cast_unsigned();
        Self {
            link: LinkType::from_number(number).ok_or(number),
            snap_length: description.snaplen,
            units: match option(OptionCode::IfTsresol) {
                Some(&[power]) if power & 0x80 != 0 => 2_u64.checked_pow((power & 0x7f).into()),
                Some(&[power]) => 10_u64.checked_pow(power.into()),
                _ => Some(MICROSECONDS),
            },
            offset: match (option(OptionCode::IfTsoffset).map(<[u8; 8]>::try_from), order) {
                (Some(Ok(bytes)), Order::Little) => i64::from_le_bytes(bytes),
                (Some(Ok(bytes)), Order::Big) => i64::from_be_bytes(bytes),
                _ => 0,
            },
        }
    }

    /// A time in the units of the interface.
    #[inline]
    fn time(&self, ticks: u64) -> Option<Time> {
        Time::since(self.offset, ticks, self.units?)
    }
}
