//! Dispositions: the one counter that every frame is counted in.

/// How a frame was classified. Every frame has exactly one disposition, so the counts add up to the frames seen.
///
/// The discriminant is the index of the counter and the wire id. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Disposition {
    /// An initial TCP SYN: SYN set; ACK, RST and FIN clear.
    Syn = 0,
    /// TCP with any other flags.
    TcpOther = 1,
    /// UDP.
    Udp = 2,
    /// ICMP over IPv4, ICMPv6 over IPv6.
    Icmp = 3,
    /// Any other protocol over IP, or more IPv6 extension headers than are followed.
    OtherIp = 4,
    /// Neither IPv4 nor IPv6: ARP, LLDP, MPLS, a third VLAN tag.
    NonIp = 5,
    /// A fragment without the transport header: not the first one, or a first one too short for it (RFC 1858).
    Fragment = 6,
    /// Headers that contradict themselves or end too early.
    Malformed = 7,
    /// A SYN that an operator's filter excluded from the counts by port, see [`FilterReason`].
    Filtered = 8,
}

/// The first filter, in this order, that excluded a SYN.
///
/// The discriminant is the index of the counter and the wire id. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FilterReason {
    /// Its destination is not watched.
    Destination = 0,
    /// Its source is ignored.
    Source = 1,
    /// Its port is not watched, or ignored.
    Port = 2,
    /// Its primary family is not watched, or ignored.
    Family = 3,
}

impl FilterReason {
    /// All of them, in the order of their wire ids.
    pub const ALL: [Self; 4] = [Self::Destination, Self::Source, Self::Port, Self::Family];

    /// The key in the snapshot.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Destination => "destination",
            Self::Source => "source",
            Self::Port => "port",
            Self::Family => "family",
        }
    }
}

impl Disposition {
    /// All of them, in the order of their wire ids.
    pub const ALL: [Self; 9] = [
        Self::Syn,
        Self::TcpOther,
        Self::Udp,
        Self::Icmp,
        Self::OtherIp,
        Self::NonIp,
        Self::Fragment,
        Self::Malformed,
        Self::Filtered,
    ];

    /// The key in the snapshot.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::TcpOther => "tcp_other",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::OtherIp => "other_ip",
            Self::NonIp => "non_ip",
            Self::Fragment => "fragment",
            Self::Malformed => "malformed",
            Self::Filtered => "filtered",
        }
    }
}
