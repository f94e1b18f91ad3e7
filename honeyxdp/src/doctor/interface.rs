//! An interface: its frames, its driver, its queues, and who else is there.

use std::collections::BTreeSet;

use super::finding::{Finding, quoted};
use crate::kernel::Mode;

/// Bits of xdp-features, of the kernel's netlink family netdev.
pub(super) const XDP_BASIC: u64 = 1 << 0;
/// Frames of several buffers.
pub(super) const XDP_RX_SG: u64 = 1 << 5;

/// Largest MTU that drivers take whose native XDP wants a frame in one buffer: what a page of 4,096 bytes holds beside
/// 256 bytes of headroom, struct skb_shared_info and an Ethernet header with a tag.
const ONE_BUFFER: u32 = 3_498;

/// What was read about it.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    /// Its name.
    pub(super) name: String,
    /// Whether the default route goes through it.
    pub(super) default_route: bool,
    /// Whether it is up.
    pub(super) up: bool,
    /// Whether its frames begin with an Ethernet header.
    pub(super) ethernet: bool,
    /// Maximum transmission unit, bytes.
    pub(super) mtu: u32,
    /// Name of the driver, if it says.
    pub(super) driver: Option<String>,
    /// [`XDP_BASIC`] and others; `None` before Linux 6.3.
    pub(super) xdp_features: Option<u64>,
    /// `None` if the driver does not tell.
    pub(super) channels: Option<Channels>,
    /// CPUs that are online.
    pub(super) cpus: u32,
    /// Offloads that are on, by the kernel's names.
    pub(super) on: BTreeSet<String>,
    /// Offloads that the driver does not let go.
    pub(super) fixed: BTreeSet<String>,
    /// The XDP program that is there.
    pub(super) program: Option<Attached>,
}

/// Queues.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channels {
    /// How many receive, alone or combined with sending.
    pub(super) now: u32,
    /// How many could.
    pub(super) most: u32,
    /// Whether they also send.
    pub(super) combined: bool,
}

/// An XDP program.
#[derive(Clone, Debug)]
pub(super) struct Attached {
    /// The kernel's id.
    pub(super) id: u32,
    /// Its name, where that may be read.
    pub(super) name: Option<String>,
    /// How it is attached.
    pub(super) mode: Option<Mode>,
    /// Whether it is that of a sensor which writes to the directory that is looked at.
    pub(super) ours: bool,
}

pub(super) fn check(interface: &Interface) -> Vec<Finding> {
    let mut findings = vec![link(interface)];
    findings.extend(ethernet(interface));
    findings.push(program(interface));
    findings.push(native(interface));
    findings.push(mtu(interface));
    findings.extend(queues(interface));
    findings
}

fn link(interface: &Interface) -> Finding {
    let route = if interface.default_route { "the default route's interface" } else { "not on the default route" };
    let driver = interface.driver.as_deref().map_or_else(String::new, |driver| format!(", driver {driver:?}"));
    if interface.up {
        Finding::ok("interface", format!("up, {route}{driver}"))
    } else {
        let name = quoted(&interface.name);
        Finding::warn("interface", format!("down, {route}{driver}"), format!("ip link set dev {name} up"))
    }
}

fn ethernet(interface: &Interface) -> Option<Finding> {
    (!interface.ethernet).then(|| {
        Finding::bad(
            "ethernet",
            "its frames have no Ethernet header (a tunnel?), and would be counted as something that they are not: watch the \
             interface below it",
            "ip -brief -details link",
        )
    })
}

fn program(interface: &Interface) -> Finding {
    let Some(attached) = &interface.program else {
        return Finding::ok("xdp_program", "no other XDP program is there");
    };
    let name = attached.name.as_deref().map_or_else(String::new, |name| format!(" ({name:?})"));
    let mode = attached.mode.map_or_else(String::new, |mode| format!(", {mode}"));
    if attached.ours {
        return Finding::ok("xdp_program", format!("a sensor is at work: program {}{mode}", attached.id));
    }
    // The mode has to be named: without it the kernel looks at native mode first.
    let word = match attached.mode {
        Some(Mode::Native) => "xdpdrv",
        Some(Mode::Generic) => "xdpgeneric",
        None => "xdp",
    };
    Finding::bad(
        "xdp_program",
        format!(
            "XDP program {}{name}{mode} is there, and an interface takes one: stop what owns it, or take it off (one that \
             belongs to a link, see `bpftool link`, goes only with its owner)",
            attached.id
        ),
        format!("ip link set dev {} {word} off", quoted(&interface.name)),
    )
}

fn native(interface: &Interface) -> Finding {
    match interface.xdp_features {
        Some(features) if features & XDP_BASIC != 0 => Finding::ok("native_xdp", "the driver knows it"),
        Some(_) => Finding::warn(
            "native_xdp",
            "the driver does not know it: generic mode works, and costs more a packet",
            format!("honeyxdp run -i {} --mode generic", quoted(&interface.name)),
        ),
        None => Finding::ok("native_xdp", "kernels before 6.3 do not tell; --mode native will"),
    }
}

fn mtu(interface: &Interface) -> Finding {
    let mtu = interface.mtu;
    match interface.xdp_features {
        _ if mtu <= ONE_BUFFER => Finding::ok("mtu", format!("{mtu}, and a frame fits one buffer")),
        Some(features) if features & XDP_RX_SG != 0 => {
            Finding::ok("mtu", format!("{mtu}, and the driver does XDP on frames of several buffers"))
        }
        Some(features) if features & XDP_BASIC == 0 => Finding::ok("mtu", format!("{mtu}; generic mode takes any")),
        _ => Finding::warn(
            "mtu",
            format!("{mtu} does not fit one buffer, and native mode may be refused"),
            format!("ip link set dev {} mtu {ONE_BUFFER}", quoted(&interface.name)),
        ),
    }
}

fn queues(interface: &Interface) -> Option<Finding> {
    let Channels { now, most, combined } = interface.channels?;
    let (cpus, name) = (interface.cpus, quoted(&interface.name));
    let kind = if combined { "combined" } else { "rx" };
    // Amazon's driver keeps half of its queues for what XDP sends, and says so in its documentation.
    if interface.driver.as_deref() == Some("ena") && most > 1 && now > most / 2 {
        return Some(Finding::warn(
            "queues",
            format!("{now} of {most} queues are in use, and ena does native XDP with at most half of them"),
            format!("ethtool -L {name} {kind} {}", most / 2),
        ));
    }
    let goal = cpus.min(most);
    Some(if now < goal {
        Finding::warn(
            "queues",
            format!("{now} receive for {cpus} CPUs, and {goal} could: a flood falls on few CPUs"),
            format!("ethtool -L {name} {kind} {goal}"),
        )
    } else {
        Finding::ok("queues", format!("{now} receive for {cpus} CPUs, of {most} that there can be"))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::doctor::Level;

    pub(in super::super) fn interface() -> Interface {
        Interface {
            name: "eth0".to_owned(),
            default_route: true,
            up: true,
            ethernet: true,
            mtu: 1_500,
            driver: Some("virtio_net".to_owned()),
            xdp_features: Some(XDP_BASIC | XDP_RX_SG),
            channels: Some(Channels { now: 4, most: 8, combined: true }),
            cpus: 4,
            on: BTreeSet::new(),
            fixed: BTreeSet::new(),
            program: None,
        }
    }

    fn finding(interface: &Interface, check: &str) -> Finding {
        super::check(interface).into_iter().find(|finding| finding.check == check).unwrap()
    }

    #[test]
    fn an_ordinary_interface_is_well() {
        let findings = check(&interface());
        assert!(findings.iter().all(|finding| finding.level == Level::Ok), "{findings:?}");
        assert_eq!(findings.len(), 5);
    }

    #[test]
    fn a_name_from_outside_cannot_become_a_command() {
        let hostile = Interface { name: "a;reboot".to_owned(), up: false, ..interface() };
        assert_eq!(finding(&hostile, "interface").fix.unwrap(), "ip link set dev 'a;reboot' up");
    }

    #[test]
    fn frames_without_an_ethernet_header_are_bad() {
        assert_eq!(finding(&Interface { ethernet: false, ..interface() }, "ethernet").level, Level::Bad);
    }

    #[test]
    fn somebody_elses_program_is_bad_and_ours_is_not() {
        let with = |ours| Interface {
            program: Some(Attached { id: 7, name: Some("x\x1b[2J".to_owned()), mode: Some(Mode::Native), ours }),
            ..interface()
        };
        let foreign = finding(&with(false), "xdp_program");
        assert_eq!(foreign.level, Level::Bad);
        assert_eq!(foreign.fix.as_deref(), Some("ip link set dev eth0 xdpdrv off"));
        assert!(foreign.text.contains(r#"("x\u{1b}[2J")"#), "{}", foreign.text);
        assert_eq!(finding(&with(true), "xdp_program").level, Level::Ok);
    }

    #[test]
    fn the_driver_decides_over_native_mode_and_over_large_frames() {
        for (features, mtu, native, large) in [
            (Some(XDP_BASIC | XDP_RX_SG), 9_000, Level::Ok, Level::Ok),
            (Some(XDP_BASIC), 9_000, Level::Ok, Level::Warn),
            (Some(XDP_BASIC), 3_498, Level::Ok, Level::Ok),
            (Some(XDP_BASIC), 3_499, Level::Ok, Level::Warn),
            (Some(0), 9_000, Level::Warn, Level::Ok),
            (None, 9_000, Level::Ok, Level::Warn),
            (None, 1_500, Level::Ok, Level::Ok),
        ] {
            let interface = Interface { xdp_features: features, mtu, ..interface() };
            let levels = (finding(&interface, "native_xdp").level, finding(&interface, "mtu").level);
            assert_eq!(levels, (native, large), "{features:?} {mtu}");
        }
    }

    #[test]
    fn queues_are_for_cpus() {
        for (driver, now, most, combined, level, command) in [
            ("virtio_net", 1, 4, true, Level::Warn, Some("ethtool -L eth0 combined 4")),
            ("virtio_net", 1, 2, false, Level::Warn, Some("ethtool -L eth0 rx 2")),
            ("virtio_net", 1, 1, true, Level::Ok, None),
            ("virtio_net", 8, 8, true, Level::Ok, None),
            ("ena", 4, 4, true, Level::Warn, Some("ethtool -L eth0 combined 2")),
            ("ena", 4, 8, true, Level::Ok, None),
        ] {
            let channels = Some(Channels { now, most, combined });
            let interface = Interface { driver: Some(driver.to_owned()), channels, ..interface() };
            let finding = finding(&interface, "queues");
            assert_eq!((finding.level, finding.fix.as_deref()), (level, command), "{driver} {now} of {most}");
        }
        let silent = Interface { channels: None, ..interface() };
        assert!(check(&silent).iter().all(|finding| finding.check != "queues"));
    }
}
