//! First payloads: observed at ports of this host, or drawn by the responder on unused addresses.

mod capture;
pub(crate) mod classify;
mod fingerprints;
mod login;

use std::{collections::BTreeSet, net::IpAddr};

pub use self::capture::{Kind, PayloadCapture, Tally};

use honeyxdp_common::Address;
use jiff::Timestamp;

use crate::filter::{PortSet, PrefixSet};

/// Sender and time of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    /// When it was read, at most 50 ms after it came.
    pub(crate) time: Timestamp,
    pub(crate) src: Address,
    pub(crate) is_v4: bool,
    pub(crate) sport: u16,
    pub(crate) dport: u16,
}

/// Maximum numbers per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// For one source.
    pub of_source: u32,
    /// For all sources together.
    pub of_all: u32,
}

/// Settings of payload capture. By default nothing is observed and nothing answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder {
    /// Ports of this host whose first payloads are kept.
    pub observed: PortSet,
    /// Ports whose SYNs are answered.
    pub answered: PortSet,
    /// Answered ports where a prompt is sent.
    pub prompted: PortSet,
    /// Addresses for which SYNs are answered.
    pub respond_to: PrefixSet,
    /// Addresses of this host, which are never answered for.
    pub own: BTreeSet<IpAddr>,
    /// Rate limit of answered SYNs.
    pub answers: Rate,
    /// Rate limit of kept payloads.
    pub payloads: Rate,
}

impl Responder {
    /// Default limit of answered SYNs: scanners retry, and no link is filled.
    pub const ANSWERS: Rate = Rate { of_source: 20, of_all: 10_000 };
    /// Default limit of kept payloads.
    pub const PAYLOADS: Rate = Rate { of_source: 10, of_all: 1_000 };

    /// Whether SYNs are answered.
    pub fn responds(&self) -> bool {
        !self.answered.is_none()
    }

    /// Whether payloads are captured at all.
    pub fn is_on(&self) -> bool {
        self.responds() || !self.observed.is_none()
    }
}

impl Default for Responder {
    fn default() -> Self {
        Self {
            observed: PortSet::none(),
            answered: PortSet::none(),
            prompted: PortSet::none(),
            respond_to: PrefixSet::default(),
            own: BTreeSet::new(),
            answers: Self::ANSWERS,
            payloads: Self::PAYLOADS,
        }
    }
}
