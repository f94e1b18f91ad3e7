//! What the card does to frames before the program sees them.

use super::{
    finding::{Finding, quoted},
    interface::Interface,
};

/// The kernel's name, and ethtool's.
const BLOCKERS: [(&str, &str); 2] = [("rx-lro", "lro"), ("rx-gro-hw", "rx-gro-hw")];
const TAGS: [(&str, &str); 2] = [("rx-vlan-hw-parse", "rxvlan"), ("rx-vlan-stag-hw-parse", "rx-vlan-stag-hw-parse")];

pub(super) fn check(interface: &Interface) -> Vec<Finding> {
    vec![merging(interface), tags(interface)]
}

/// Of these, ethtool's names of those that are on.
fn on(interface: &Interface, features: &[(&str, &'static str)]) -> Vec<&'static str> {
    features.iter().filter(|(feature, _)| interface.on.contains(*feature)).map(|(_, name)| *name).collect()
}

/// Frames that the card merges do not fit what XDP promises, so virtio refuses native mode, and generic mode sees one
/// frame for many.
fn merging(interface: &Interface) -> Finding {
    let on = on(interface, &BLOCKERS);
    if on.is_empty() {
        return Finding::ok("merging", "the card does not merge frames (lro, rx-gro-hw)");
    }
    let names = on.join(" and ");
    let stuck = BLOCKERS.iter().any(|(feature, name)| on.contains(name) && interface.fixed.contains(*feature));
    let text = format!("{names} merge frames: some drivers refuse native mode, and merged frames are counted as one");
    if stuck {
        return Finding::warn("merging", format!("{text}; the driver does not let them be turned off"), "")
            .without_command();
    }
    let off: Vec<String> = on.iter().map(|name| format!("{name} off")).collect();
    Finding::warn("merging", text, format!("ethtool -K {} {}", quoted(&interface.name), off.join(" ")))
}

/// No harm: tags are not counted. It is said because captures beside the sensor look different.
fn tags(interface: &Interface) -> Finding {
    let on = on(interface, &TAGS);
    if on.is_empty() {
        return Finding::ok("vlan_tags", "VLAN tags are left in the frames");
    }
    let off: Vec<String> = on.iter().map(|name| format!("{name} off")).collect();
    Finding::ok(
        "vlan_tags",
        format!(
            "the card may take VLAN tags out before the program sees a frame ({}); counts are the same, and `ethtool -K {} {}` \
             keeps them in",
            on.join(", "),
            quoted(&interface.name),
            off.join(" ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Level, interface::tests::interface};

    fn with(on: &[&str], fixed: &[&str]) -> Vec<Finding> {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        check(&Interface { on: set(on), fixed: set(fixed), ..interface() })
    }

    #[test]
    fn merging_is_turned_off_by_one_command() {
        let both = with(&["rx-lro", "rx-gro-hw", "rx-gro"], &[]);
        assert_eq!(both[0].level, Level::Warn);
        assert_eq!(both[0].fix.as_deref(), Some("ethtool -K eth0 lro off rx-gro-hw off"));
        let one = with(&["rx-gro-hw"], &["rx-lro"]);
        assert_eq!(one[0].fix.as_deref(), Some("ethtool -K eth0 rx-gro-hw off"));
        let stuck = with(&["rx-lro"], &["rx-lro"]);
        assert_eq!((stuck[0].level, stuck[0].fix.as_deref()), (Level::Warn, None));
        assert_eq!(with(&["rx-gro"], &[])[0].level, Level::Ok);
    }

    #[test]
    fn hidden_tags_are_said_with_their_command() {
        let hidden = &with(&["rx-vlan-hw-parse"], &[])[1];
        assert_eq!(hidden.level, Level::Ok);
        assert!(hidden.text.contains("ethtool -K eth0 rxvlan off"), "{}", hidden.text);
        assert_eq!(with(&[], &[])[1].text, "VLAN tags are left in the frames");
    }
}
