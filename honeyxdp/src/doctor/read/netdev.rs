//! The netlink family netdev, which tells since Linux 6.3 what a driver's XDP can do.
//! Source: Documentation/netlink/specs/netdev.yaml of the kernel.

use super::genetlink::{ask, attribute, find};

/// The command dev-get.
const DEV_GET: u8 = 1;
/// The attribute ifindex, 32 bits.
const IFINDEX: u16 = 1;
/// The attribute xdp-features, 64 bits.
const XDP_FEATURES: u16 = 3;

/// Bits of `crate::doctor::interface`; `None` if the kernel does not know the question.
pub(super) fn xdp_features(index: u32) -> Option<u64> {
    let answer = ask("netdev", DEV_GET, &attribute(IFINDEX, &index.to_ne_bytes()))?;
    find(&answer, XDP_FEATURES)?.try_into().ok().map(u64::from_ne_bytes)
}
