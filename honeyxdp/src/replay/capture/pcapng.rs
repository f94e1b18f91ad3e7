//! The format of blocks: sections, interfaces, packets.

use pcap_parser::nom::IResult;
use pcap_parser::{
    BOM_MAGIC, Block, EPB_MAGIC, IDB_MAGIC, InterfaceDescriptionBlock, OptionCode, PcapError, SHB_MAGIC, SPB_MAGIC,
    parse_block_be, parse_block_le,
};

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

const TOO_SHORT: Reason = Reason::Damaged("a block is too short for its fields");
const NO_INTERFACE: Reason = Reason::Damaged("a packet names an interface that is not described before it");
const PACKET_LENGTH: Reason = Reason::Damaged("a packet is longer than its block");

/// Reads a whole file, whose first four bytes are known to begin a section.
pub(super) fn read(stream: &mut Stream<'_>, mut each: impl FnMut(Packet<'_>)) -> Result<(), Reason> {
    let mut section = Section { order: Order::Little, interfaces: Vec::new() };
    loop {
        if !stream.fill(BLOCK)? {
            return if stream.window().is_empty() { Ok(()) } else { Err(Reason::Cut("the header of a block")) };
        }
        // The type of a section header is the same in both byte orders.
        if section.order.u32(stream.window(), 0) == SHB_MAGIC {
            section = Section { order: Order::of_section(stream.window())?, interfaces: Vec::new() };
        }
        let order = section.order;
        let kind = order.u32(stream.window(), 0);
        let claimed = order.u32(stream.window(), 4);
        let length = claimed as usize;
        if length < BLOCK || !length.is_multiple_of(4) {
            return Err(Reason::Damaged("the length of a block is impossible"));
        }
        if length > MAX_RECORD {
            return Err(Reason::TooLong("a block", claimed.into()));
        }
        if !stream.fill(length)? {
            let packet = matches!(kind, EPB_MAGIC | SPB_MAGIC | OLD_PACKET);
            return Err(Reason::Cut(if packet { "a packet" } else { "a block" }));
        }
        let block = &stream.window()[..length];
        if order.u32(block, length - 4) != claimed {
            return Err(Reason::Damaged("the two lengths of a block differ"));
        }
        if let Some(packet) = section.block(kind, block)? {
            each(packet);
            stream.packets += 1;
        }
        stream.consume(length);
    }
}

/// A byte order.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    /// The byte order that a section header says it is in.
    fn of_section(block: &[u8]) -> Result<Self, Reason> {
        [Self::Little, Self::Big]
            .into_iter()
            .find(|order| order.u32(block, 8) == BOM_MAGIC)
            .ok_or(Reason::Damaged("a section header has no byte-order magic"))
    }

    /// The integer at `at`, which must be in `bytes`.
    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The fields of a block. pcap-parser asks for more input when they do not fit in it.
    fn parse(self, block: &[u8]) -> Result<Block<'_>, Reason> {
        let result: IResult<_, _, PcapError<_>> = match self {
            Self::Little => parse_block_le(block),
            Self::Big => parse_block_be(block),
        };
        result.map(|(_, block)| block).map_err(|_| TOO_SHORT)
    }
}

/// What the blocks of a section so far mean for its packets.
struct Section {
    order: Order,
    interfaces: Vec<Interface>,
}

impl Section {
    /// Takes note of a whole block, and gives the packet in it, if any.
    fn block<'a>(&mut self, kind: u32, block: &'a [u8]) -> Result<Option<Packet<'a>>, Reason> {
        // Other blocks do not matter, so damage in them does not either.
        if !matches!(kind, SHB_MAGIC | IDB_MAGIC | EPB_MAGIC | SPB_MAGIC | OLD_PACKET) {
            return Ok(None);
        }
        if kind == OLD_PACKET {
            return self.old_packet(block).map(Some);
        }
        Ok(match self.order.parse(block)? {
            Block::SectionHeader(header) if header.major_version != VERSION => {
                return Err(Reason::Version(header.major_version, header.minor_version));
            }
            Block::InterfaceDescription(description) => {
                self.interfaces.push(Interface::new(self.order, &description));
                None
            }
            Block::EnhancedPacket(packet) => {
                let time = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                Some(self.packet(packet.if_id, Some(time), packet.caplen, packet.origlen, packet.data)?)
            }
            Block::SimplePacket(packet) => {
                // It has no captured length: that is the snap length, 0 for none, if the packet was longer.
                let captured = match self.interfaces.first().ok_or(NO_INTERFACE)?.snap_length {
                    0 => packet.origlen,
                    snap_length => packet.origlen.min(snap_length),
                };
                Some(self.packet(0, None, captured, packet.origlen, packet.data)?)
            }
            _ => None,
        })
    }

    /// Like an enhanced packet, but for 16 bits of interface and 16 bits of drop count.
    fn old_packet<'a>(&self, block: &'a [u8]) -> Result<Packet<'a>, Reason> {
        const FIXED: usize = 28;
        let data = block.get(FIXED..block.len() - 4).ok_or(TOO_SHORT)?;
        let word = |at| self.order.u32(block, at);
        let interface = match self.order {
            Order::Little => word(8) & 0xffff,
            Order::Big => word(8) >> 16,
        };
        let time = u64::from(word(12)) << 32 | u64::from(word(16));
        self.packet(interface, Some(time), word(20), word(24), data)
    }

    /// A packet of an interface; `data` is at least the `captured` bytes of it.
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
    fn time(&self, ticks: u64) -> Option<Time> {
        Time::since(self.offset, ticks, self.units?)
    }
}
