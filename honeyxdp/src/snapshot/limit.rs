//! Bounds of the lists in a snapshot.

use std::{cmp::Reverse, str::FromStr};

/// Ports in the list of one family. The full table of ports and families stands once, in the ports of the snapshot.
pub const FAMILY_PORTS: usize = 10;
/// Classifications of payloads in a list.
pub(super) const CLASSIFICATIONS: usize = 40;

/// Maximum number of ports in a list of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortLimit(usize);

impl PortLimit {
    /// Lists every port. A snapshot can then take several megabytes.
    pub const ALL: Self = Self(usize::MAX);

    /// Lists at most `most` ports.
    pub const fn new(most: usize) -> Self {
        Self(most)
    }

    /// Maximum number of ports.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for PortLimit {
    fn default() -> Self {
        Self(100)
    }
}

impl FromStr for PortLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "all" => Ok(Self::ALL),
            Ok(most @ 1..=65_536) => Ok(Self(most)),
            _ => Err("expected a number from 1 to 65536, or all".to_owned()),
        }
    }
}

/// Splits a list into its first `most` entries by `rank`, largest first, and the rest. Entries of equal rank keep the
/// order of `key`.
pub(super) fn top<T>(
    mut list: Vec<T>,
    most: usize,
    rank: impl Fn(&T) -> u64,
    key: impl Fn(&T) -> u16,
) -> (Vec<T>, Vec<T>) {
    let order = |entry: &T| (Reverse(rank(entry)), key(entry));
    let rest = if list.len() > most {
        list.select_nth_unstable_by_key(most, order);
        list.split_off(most)
    } else {
        Vec::new()
    };
    list.sort_unstable_by_key(order);
    (list, rest)
}
