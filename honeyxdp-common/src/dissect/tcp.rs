//! TCP, with the head of its options.

use super::{Frame, be16, be32};
use crate::{Disposition, Options, Syn};

/// Length of a TCP header without options, bytes (RFC 9293, section 3.1).
pub const TCP_HEADER: usize = 20;

/// The sender has no more to say.
pub const FIN: u8 = 0x01;
/// The first segment of either side.
pub const SYN: u8 = 0x02;
/// The connection is over.
pub const RST: u8 = 0x04;
/// What came is to be handed over at once.
pub const PSH: u8 = 0x08;
/// The acknowledgment number means something.
pub const ACK: u8 = 0x10;

/// The transport header is at an offset that is constant once inlined.
pub(super) const FIXED: bool = true;
/// The transport header is behind something of variable length.
pub(super) const ANY: bool = false;

/// Where the transport header is, and how much of it there can be.
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    /// Where the network header is.
    pub(super) network: usize,
    pub(super) offset: usize,
    /// Bytes that the network header leaves for it; `usize::MAX` when it does not say.
    pub(super) payload: usize,
    /// Whether more fragments follow.
    pub(super) first_fragment: bool,
}

impl Transport {
    /// Whether the network header leaves room for `length` bytes and the frame has them.
    #[inline(always)]
    pub(super) fn holds<F: Frame + ?Sized>(self, frame: &F, length: usize) -> bool {
        self.payload >= length && frame.len() >= self.offset + length
    }

    /// The `N` bytes from `skip` on.
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

/// RFC 9293, without options.
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
    /// The header, if it is there.
    #[inline(always)]
    pub(super) fn read<const REACH: bool, F: Frame + ?Sized>(frame: &F, at: Transport) -> Result<Self, Disposition> {
        if at.payload < TCP_HEADER && at.first_fragment {
            // The rest of the header may come in the next fragment, so nothing is wrong with this one.
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

/// Reads the TCP header of an initial SYN, and adds to it what the network header said.
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

/// Reads the head of the options that a data offset, in words of four bytes, claims.
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
