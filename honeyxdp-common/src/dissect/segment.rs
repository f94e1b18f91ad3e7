//! TCP segments of every kind, for who looks at what comes after the SYN.

use super::{
    Frame, Sink, ethernet,
    tcp::{TCP_HEADER, Tcp, Transport},
};
use crate::{Address, Disposition, IpVersion, Syn};

/// Bytes of an IP header with nothing in it that could be left out.
const PLAIN_V4: usize = 20;
const PLAIN_V6: usize = 40;

/// Where a TCP segment lies in its frame, and the fields that tell what it is to its connection. Integers are read big-endian from
/// the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which Internet Protocol carried it.
    pub version: IpVersion,
    /// Source address.
    pub src: Address,
    /// Destination address.
    pub dst: Address,
    /// TCP source port.
    pub sport: u16,
    /// TCP destination port.
    pub dport: u16,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP acknowledgment number.
    pub ack: u32,
    /// TCP flags.
    pub flags: u8,
    /// Bytes of TCP options that are there.
    pub options: usize,
    /// Offset of the network header in the frame, bytes.
    pub network: usize,
    /// Offset of the TCP header.
    pub transport: usize,
    /// Offset of the first byte of data.
    pub data: usize,
    /// Bytes of data that are in the frame.
    pub length: usize,
    /// Whether the TCP header is as long as it claims, and the packet is no fragment. If not, there are neither options nor data.
    pub whole: bool,
}

impl Segment {
    /// A segment of which nothing is known yet.
    pub const BLANK: Self = Self {
        version: IpVersion::V4,
        src: Address::from_v4(0),
        dst: Address::from_v4(0),
        sport: 0,
        dport: 0,
        seq: 0,
        ack: 0,
        flags: 0,
        options: 0,
        network: 0,
        transport: 0,
        data: 0,
        length: 0,
        whole: false,
    };

    /// Whether IPv4 carried it.
    #[inline(always)]
    pub const fn is_v4(&self) -> bool {
        matches!(self.version, IpVersion::V4)
    }

    /// Whether it is whole, and there is nothing between the fixed network header and TCP.
    #[inline(always)]
    pub const fn is_plain(&self) -> bool {
        self.whole && self.transport - self.network == if self.is_v4() { PLAIN_V4 } else { PLAIN_V6 }
    }

    /// Whether exactly these of some flags are set.
    #[inline(always)]
    pub const fn has(&self, set: u8, of: u8) -> bool {
        self.flags & of == set
    }
}

/// Keeps the segment, whatever its flags are.
struct Keep<'a>(&'a mut Segment);

impl Sink for Keep<'_> {
    #[inline(always)]
    fn take(self, _: Syn) -> Disposition {
        Disposition::Syn
    }

    #[inline(always)]
    fn tcp<const REACH: bool, F: Frame + ?Sized>(self, frame: &F, at: Transport, network: Syn) -> Disposition {
        let tcp = match Tcp::read::<REACH, F>(frame, at) {
            Ok(tcp) => tcp,
            Err(disposition) => return disposition,
        };
        let claimed = tcp.data_offset as usize * 4;
        // Whatever it claims, the fixed fields are there. Of a first fragment the rest may come with the next one.
        let whole = !at.first_fragment && claimed >= TCP_HEADER && at.holds(frame, claimed);
        let header = if whole { claimed } else { TCP_HEADER };
        let (there, said) = (frame.len() - at.offset - header, at.payload - header);
        let length = if said < there { said } else { there };
        *self.0 = Segment {
            version: network.version,
            src: network.src,
            dst: network.dst,
            sport: tcp.sport,
            dport: tcp.dport,
            seq: tcp.seq,
            ack: tcp.ack,
            flags: tcp.flags,
            options: header - TCP_HEADER,
            network: at.network,
            transport: at.offset,
            data: at.offset + header,
            length: if whole { length } else { 0 },
            whole,
        };
        Disposition::TcpOther
    }
}

/// Reads a TCP segment from an Ethernet frame into `to`. False where the frame holds no TCP header.
#[inline(always)]
pub fn segment<F: Frame + ?Sized>(frame: &F, to: &mut Segment) -> bool {
    matches!(ethernet(frame, Keep(to)), Disposition::TcpOther)
}
