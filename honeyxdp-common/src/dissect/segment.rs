//! TCP segments with any flags, for the responder and payload capture.

use super::{
    Frame, Sink, ethernet,
    tcp::{TCP_HEADER, Tcp, Transport},
};
use crate::{Address, Disposition, IpVersion, Syn};

/// Length of an IP header without options or extension headers, bytes.
const PLAIN_V4: usize = 20;
const PLAIN_V6: usize = 40;

/// A TCP segment: its location in the frame and the fields that relate it to its connection. Integers are read big-endian
/// from the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// IP version.
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
    /// Length of the TCP options present, bytes.
    pub options: usize,
    /// Offset of the network header in the frame, bytes.
    pub network: usize,
    /// Offset of the TCP header.
    pub transport: usize,
    /// Offset of the first byte of data.
    pub data: usize,
    /// Bytes of data that are in the frame.
    pub length: usize,
    /// Whether the packet is no fragment and holds the TCP header as long as claimed. If not, `options` and `length` are 0.
    pub whole: bool,
}

impl Segment {
    /// A segment with every field zero.
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

    /// Whether the segment came over IPv4.
    #[inline(always)]
    pub const fn is_v4(&self) -> bool {
        matches!(self.version, IpVersion::V4)
    }

    /// Whether the segment is whole and TCP directly follows the fixed IP header.
    #[inline(always)]
    pub const fn is_plain(&self) -> bool {
        self.whole && self.transport - self.network == if self.is_v4() { PLAIN_V4 } else { PLAIN_V6 }
    }

    /// Whether exactly the flags `set` are set among the flags `of`.
    #[inline(always)]
    pub const fn has(&self, set: u8, of: u8) -> bool {
        self.flags & of == set
    }
}

/// Stores the segment, whatever its flags.
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
        // The fixed fields are present whatever the offset claims. The rest of a first fragment may be in the next one.
        let whole = !at.first_fragment && claimed >= TCP_HEADER && at.holds(frame, claimed);
        let header = if whole { claimed } else { TCP_HEADER };
        let (present, declared) = (frame.len() - at.offset - header, at.payload - header);
        let length = if declared < present { declared } else { present };
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

/// Reads a TCP segment from an Ethernet frame into `to`. Returns false if the frame holds no TCP header.
#[inline(always)]
pub fn segment<F: Frame + ?Sized>(frame: &F, to: &mut Segment) -> bool {
    matches!(ethernet(frame, Keep(to)), Disposition::TcpOther)
}
