//! What is observed and answered: first payloads at ports of this host, and on addresses where nobody listens.

mod capture;
pub(crate) mod classify;
mod fingerprints;
mod login;

use std::{collections::BTreeSet, net::IpAddr};

pub use self::capture::{Kind, PayloadCapture, Tally};

use honeyxdp_common::Address;
use jiff::Timestamp;

use crate::filter::{PortSet, PrefixSet};

/// Who sent something, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    /// When it was read, at most 50 ms after it came.
    pub(crate) time: Timestamp,
    pub(crate) src: Address,
    pub(crate) is_v4: bool,
    pub(crate) sport: u16,
    pub(crate) dport: u16,
}

/// Events per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Of one source.
    pub of_source: u32,
    /// Of all together.
    pub of_all: u32,
}

/// The settings. By default nothing is observed and nothing answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder {
    /// Ports of this host whose connections' first payloads are kept.
    pub observed: PortSet,
    /// Ports whose SYNs are answered.
    pub answered: PortSet,
    /// Those of them where a prompt is sent.
    pub prompted: PortSet,
    /// Addresses for which SYNs are answered.
    pub respond_to: PrefixSet,
    /// Addresses of this host, for which they never are.
    pub own: BTreeSet<IpAddr>,
    /// Rate of answered SYNs.
    pub answers: Rate,
    /// Rate of stored payloads.
    pub payloads: Rate,
}

impl Responder {
    /// SYNs that are answered in a second when nobody says more: a scanner comes back, and no line is filled.
    pub const ANSWERS: Rate = Rate { of_source: 20, of_all: 10_000 };
    /// Payloads that are kept.
    pub const PAYLOADS: Rate = Rate { of_source: 10, of_all: 1_000 };

    /// Whether SYNs are answered.
    pub fn responds(&self) -> bool {
        !self.answered.is_none()
    }

    /// Whether anything is to be done.
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
