//! TCP header and the first options.

use super::{Frame, be16, be32};
use crate::{Disposition, Options, Syn};

/// Length of a TCP header without options, bytes (RFC 9293, section 3.1).
pub const TCP_HEADER: usize = 20;

/// No more data from the sender.
pub const FIN: u8 = 0x01;
/// Synchronize sequence numbers.
pub const SYN: u8 = 0x02;
/// Reset the connection.
pub const RST: u8 = 0x04;
/// Push function.
pub const PSH: u8 = 0x08;
/// The acknowledgment number is valid.
pub const ACK: u8 = 0x10;

/// The transport header is at an offset that is constant after inlining.
pub(super) const FIXED: bool = true;
/// The transport header follows a header of variable length.
pub(super) const ANY: bool = false;

/// Location of the transport header, and the length available to it.
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    /// Offset of the network header, bytes.
    pub(super) network: usize,
    pub(super) offset: usize,
    /// Payload length by the IP header, bytes; `usize::MAX` if it does not tell.
    pub(super) payload: usize,
    /// Whether more fragments follow.
    pub(super) first_fragment: bool,
}

impl Transport {
    /// Whether both the IP length and the frame include `length` bytes.
    #[inline(always)]
    pub(super) fn holds<F: Frame + ?Sized>(self, frame: &F, length: usize) -> bool {
        self.payload >= length && frame.len() >= self.offset + length
    }

    /// The `N` bytes at `skip` from the transport header.
    #[inline(always)]
    fn read<const REACH: bool, const N: usize, F: Frame + ?Sized>(
        self,
        frame: &F,
        skip: usize,
    ) -> Result<[u8; N], Disposition> {
        let bytes = if REACH == FIXED { frame.fixed(self.offset + skip) } else { frame.any(self.offset + skip) };
        bytes.ok_or(Disposition::Malformed)
    }
}

/// The fixed header, RFC 9293.
pub(super) struct Tcp {
    pub(super) sport: u16,
    pub(super) dport: u16,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) data_offset: u8,
    pub(super) flags: u8,
    window: u16,
}

impl Tcp {
    /// Reads the fixed header.
    #[inline(always)]
    pub(super) fn read<const REACH: bool, F: Frame + ?Sized>(frame: &F, at: Transport) -> Result<Self, Disposition> {
        if at.payload < TCP_HEADER && at.first_fragment {
            // The rest of the header may follow in the next fragment.
            return Err(Disposition::Fragment);
        }
        if !at.holds(frame, TCP_HEADER) {
            return Err(Disposition::Malformed);
        }
        Ok(Self::parse(at.read::<REACH, TCP_HEADER, F>(frame, 0)?))
    }

    #[inline(always)]
    const fn parse(bytes: [u8; TCP_HEADER]) -> Self {
        Self {
            sport: be16(&bytes, 0),
            dport: be16(&bytes, 2),
            seq: be32(&bytes, 4),
            ack: be32(&bytes, 8),
            data_offset: bytes[12] >> 4,
            flags: bytes[13],
            window: be16(&bytes, 14),
        }
    }
}

/// Reads the TCP header of an initial SYN and adds its fields to those of the IP header.
#[inline(always)]
pub(super) fn syn<const REACH: bool, F: Frame + ?Sized>(
    frame: &F,
    at: Transport,
    network: Syn,
) -> Result<Syn, Disposition> {
    let tcp = Tcp::read::<REACH, F>(frame, at)?;
    if tcp.flags & (SYN | ACK | RST | FIN) != SYN {
        return Err(Disposition::TcpOther);
    }
    Ok(Syn {
        sport: tcp.sport,
        dport: tcp.dport,
        seq: tcp.seq,
        ack: tcp.ack,
        window: tcp.window,
        options: options::<REACH, F>(frame, at, tcp.data_offset)?,
        ..network
    })
}

/// Reads the first options. `data_offset` is in 4-byte words.
#[inline(always)]
fn options<const REACH: bool, F: Frame + ?Sized>(
    frame: &F,
    at: Transport,
    data_offset: u8,
) -> Result<Options, Disposition> {
    let Some(claimed) = data_offset.checked_sub(5) else {
        return Ok(Options { claimed: Options::IMPOSSIBLE, words: [0; 3] });
    };
    let claimed = claimed * 4;
    let words = if claimed == 12 && at.holds(frame, TCP_HEADER + 12) {
        let bytes = at.read::<REACH, 12, F>(frame, TCP_HEADER)?;
        [be32(&bytes, 0), be32(&bytes, 4), be32(&bytes, 8)]
    } else if claimed > 0 && claimed != 12 && at.holds(frame, TCP_HEADER + 4) {
        let bytes = at.read::<REACH, 4, F>(frame, TCP_HEADER)?;
        [be32(&bytes, 0), 0, 0]
    } else {
        [0; 3]
    };
    Ok(Options { claimed, words })
}
