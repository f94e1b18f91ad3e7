//! Offloads and queues by ethtool's netlink family, and the driver's name by its ioctl, which is the only way to it that
//! needs no sysfs of the right network namespace.

use std::{
    collections::BTreeSet,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use super::genetlink::{NESTED, ask, attribute, attributes, find};
use crate::doctor::interface::Channels;

/// Offloads by the kernel's names.
#[derive(Debug, Default)]
pub(super) struct Offloads {
    pub(super) on: BTreeSet<String>,
    pub(super) fixed: BTreeSet<String>,
}

/// Commands and attributes of linux/ethtool_netlink.h.
const FEATURES_GET: u8 = 11;
const CHANNELS_GET: u8 = 17;
const HEADER: u16 = 1;
const HEADER_NAME: u16 = 2;
const FEATURES_ACTIVE: u16 = 4;
const FEATURES_NOCHANGE: u16 = 5;
const RX_MAX: u16 = 2;
const COMBINED_MAX: u16 = 5;
const RX_COUNT: u16 = 6;
const COMBINED_COUNT: u16 = 9;
const BITSET_NOMASK: u16 = 1;
const BITSET_BITS: u16 = 3;
const BIT_NAME: u16 = 2;
const BIT_VALUE: u16 = 3;

/// Nothing is on if the kernel does not tell.
pub(super) fn offloads(interface: &str) -> Offloads {
    let features = about(interface, FEATURES_GET).unwrap_or_default();
    Offloads {
        on: find(&features, FEATURES_ACTIVE).map(names).unwrap_or_default(),
        fixed: find(&features, FEATURES_NOCHANGE).map(names).unwrap_or_default(),
    }
}

/// Number of queues that receive. `None` if the driver does not tell.
pub(super) fn channels(interface: &str) -> Option<Channels> {
    let answer = about(interface, CHANNELS_GET)?;
    let number = |kind| find(&answer, kind).and_then(|value| value.try_into().ok()).map_or(0, u32::from_ne_bytes);
    let (rx, rx_most) = (number(RX_COUNT), number(RX_MAX));
    let (combined, combined_most) = (number(COMBINED_COUNT), number(COMBINED_MAX));
    let now = rx + combined;
    (now > 0).then_some(if combined_most > 0 {
        Channels { now, most: combined_most.max(now), combined: true }
    } else {
        Channels { now, most: rx_most.max(now), combined: false }
    })
}

fn about(interface: &str, command: u8) -> Option<Vec<u8>> {
    let name = attribute(HEADER_NAME, &[interface.as_bytes(), b"\0"].concat());
    // ethtool validates strictly: a nested attribute without the flag is an error.
    ask("ethtool", command, &attribute(HEADER | NESTED, &name))
}

/// Names of the bits of a set. Without a mask, the set lists the bits that are 1.
fn names(bitset: &[u8]) -> BTreeSet<String> {
    let is_list = find(bitset, BITSET_NOMASK).is_some();
    let bits = attributes(find(bitset, BITSET_BITS).unwrap_or_default());
    bits.filter(|(_, bit)| is_list || find(bit, BIT_VALUE).is_some())
        .filter_map(|(_, bit)| find(bit, BIT_NAME))
        .map(|name| String::from_utf8_lossy(name).trim_end_matches('\0').to_owned())
        .collect()
}

/// Name of an interface's driver.
pub(super) fn driver(interface: &str) -> Option<String> {
    const SIOCETHTOOL: libc::Ioctl = 0x8946;
    const ETHTOOL_GDRVINFO: u32 = 3;

    /// struct ethtool_drvinfo of linux/ethtool.h.
    #[repr(C)]
    struct DriverInfo {
        command: u32,
        driver: [u8; 32],
        rest: [u8; 160],
    }

    let mut info = DriverInfo { command: ETHTOOL_GDRVINFO, driver: [0; 32], rest: [0; 160] };
    // SAFETY: all zero is a valid value of this plain structure.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // One byte less, so that the name ends with a zero.
    let name = interface.as_bytes().get(..libc::IFNAMSIZ - 1).unwrap_or(interface.as_bytes());
    for (to, &from) in request.ifr_name.iter_mut().zip(name) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = (&raw mut info).cast();
    // SAFETY: plain system call without pointers.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return None;
    }
    // SAFETY: the descriptor is new and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: the request points to a structure that is as long as the kernel's, and both outlive the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    let _ = info.rest;
    let driver = info.driver.split(|&byte| byte == 0).next()?;
    (result == 0 && !driver.is_empty()).then(|| String::from_utf8_lossy(driver).into_owned())
}
