//! Offloads and queues by ethtool's netlink family, and the driver's name by its ioctl, which is the only way to it that
//! needs no sysfs of the right network namespace.

use std::{
    collections::BTreeSet,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use ethtool::{EthtoolAttr, EthtoolChannelAttr, EthtoolFeatureAttr, EthtoolHandle, EthtoolMessage};
use futures_util::TryStreamExt as _;
use netlink_packet_generic::GenlMessage;

use crate::doctor::interface::Channels;

/// Offloads by the kernel's names.
#[derive(Debug, Default)]
pub(super) struct Offloads {
    pub(super) on: BTreeSet<String>,
    pub(super) fixed: BTreeSet<String>,
}

/// None are on if the kernel does not tell.
pub(super) async fn offloads(interface: &str) -> Offloads {
    let mut offloads = Offloads::default();
    let Some(mut handle) = connect() else {
        return offloads;
    };
    let Ok(answers) = handle.feature().get(Some(interface)).execute().await else {
        return offloads;
    };
    for attribute in attributes(answers.try_collect().await) {
        match attribute {
            EthtoolAttr::Feature(EthtoolFeatureAttr::Active(bits)) => {
                offloads.on.extend(bits.into_iter().filter(|bit| bit.value).map(|bit| bit.name));
            }
            EthtoolAttr::Feature(EthtoolFeatureAttr::NoChange(bits)) => {
                offloads.fixed.extend(bits.into_iter().filter(|bit| bit.value).map(|bit| bit.name));
            }
            _ => {}
        }
    }
    offloads
}

/// How many queues receive. `None` if the driver does not tell.
pub(super) async fn channels(interface: &str) -> Option<Channels> {
    let mut handle = connect()?;
    let answers = handle.channel().get(Some(interface)).execute().await.ok()?;
    let (mut rx, mut rx_most, mut combined, mut combined_most) = (0, 0, 0, 0);
    for attribute in attributes(answers.try_collect().await) {
        if let EthtoolAttr::Channel(channel) = attribute {
            match channel {
                EthtoolChannelAttr::RxCount(count) => rx = count,
                EthtoolChannelAttr::RxMax(count) => rx_most = count,
                EthtoolChannelAttr::CombinedCount(count) => combined = count,
                EthtoolChannelAttr::CombinedMax(count) => combined_most = count,
                _ => {}
            }
        }
    }
    let now = rx + combined;
    (now > 0).then_some(if combined_most > 0 {
        Channels { now, most: combined_most.max(now), combined: true }
    } else {
        Channels { now, most: rx_most.max(now), combined: false }
    })
}

fn connect() -> Option<EthtoolHandle> {
    let (connection, handle, _) = ethtool::new_connection().ok()?;
    tokio::spawn(connection);
    Some(handle)
}

fn attributes<E>(answers: Result<Vec<GenlMessage<EthtoolMessage>>, E>) -> Vec<EthtoolAttr> {
    answers.unwrap_or_default().into_iter().flat_map(|answer| answer.payload.nlas).collect()
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
