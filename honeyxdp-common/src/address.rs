//! An IP address as a number.

/// An IPv4 or IPv6 address, big-endian as on the wire. [`crate::Syn::version`] tells the two apart.
///
/// Two 64-bit halves, because eBPF has no 128-bit registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Address {
    /// The first 64 bits of an IPv6 address; 0 on IPv4.
    pub high: u64,
    /// The last 64 bits of an IPv6 address; an IPv4 address.
    pub low: u64,
}

impl Address {
    /// An IPv4 address.
    #[inline(always)]
    pub const fn from_v4(address: u32) -> Self {
        Self { high: 0, low: address as u64 }
    }

    /// An IPv6 address.
    #[inline(always)]
    pub const fn from_v6(address: u128) -> Self {
        Self { high: (address >> 64) as u64, low: address as u64 }
    }

    /// The IPv4 address, or the last 32 bits of an IPv6 address.
    #[inline(always)]
    pub const fn v4(self) -> u32 {
        self.low as u32
    }

    /// The IPv6 address.
    #[inline(always)]
    pub const fn v6(self) -> u128 {
        (self.high as u128) << 64 | self.low as u128
    }
}
