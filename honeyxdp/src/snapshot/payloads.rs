//! What the document says of first payloads and of the responder.

use honeyxdp_common::responder::Event;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    kernel::Events,
    payloads::{Kind, Tally},
};

/// First payloads of connections, and logins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Payloads {
    /// Payloads and logins that were labelled: the sum of `labels`.
    pub labelled: u64,
    /// Logins among them: what was typed at both prompts of one connection is one.
    pub logins: u64,
    /// Segments that were not kept, because their source, or all together, had had as many in that second.
    pub limited: u64,
    /// Segments that were not kept for want of room.
    pub lost: u64,
    /// Sources with marks that found no room: their payloads can be told as of an unknown family.
    pub forgotten_fingerprints: u64,
    /// What they are.
    pub labels: Vec<PayloadLabel>,
    /// What the responder did; null if there is none.
    pub responder: Option<Responder>,
}

/// Payloads that are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PayloadLabel {
    /// What they exploit, by the rules of docs/labels.md; null if no rule knows.
    pub exploit: Option<String>,
    /// Family of their sources, or `unknown`.
    pub family: String,
    /// What decided the family: `payload`, the `mark` of the source's SYNs in the 24 hours before, or `none`.
    pub attribution_source: String,
    /// Destination port.
    pub port: u16,
    /// How many.
    pub payloads: u64,
}

/// What the responder did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Responder {
    /// SYNs that were answered.
    pub answered: u64,
    /// SYNs that were not: their source had had its share of that second.
    pub rate_limited_source: u64,
    /// SYNs that were not: all answers of that second were given.
    pub rate_limited_total: u64,
    /// SYNs that were not: they have IP options or extension headers, are fragments, or lie about their length.
    pub odd: u64,
    /// Handshakes that were completed before anything was said.
    pub accepted: u64,
    /// Prompts that were sent.
    pub prompted: u64,
    /// Connections that were ended.
    pub ended: u64,
    /// Segments that acknowledge no answer of this sensor; they were left alone.
    pub stray: u64,
    /// Frames that the kernel did not let be changed.
    pub failed: u64,
}

/// Payloads at one moment, as they are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// By label.
    pub tally: Tally,
    /// By the kernel.
    pub events: Events,
    /// Whether SYNs are answered.
    pub responds: bool,
}

impl Captured {
    /// Payloads that came and are nowhere.
    pub fn lost(&self) -> u64 {
        self.events.of(Event::PayloadRateLimited) + self.events.of(Event::PayloadLost) + self.tally.dropped
    }

    /// What came after an earlier moment.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            tally: self.tally.since(&before.tally),
            events: self.events.since(&before.events),
            responds: self.responds,
        }
    }

    pub(super) fn report(&self) -> Payloads {
        let of = |event| self.events.of(event);
        let label = |(kind, payloads): (&Kind, &u64)| PayloadLabel {
            exploit: kind.exploit.clone(),
            family: kind.family.clone(),
            attribution_source: kind.attribution_source.clone(),
            port: kind.port,
            payloads: *payloads,
        };
        Payloads {
            labelled: self.tally.payloads(),
            logins: self.tally.logins,
            limited: of(Event::PayloadRateLimited),
            lost: of(Event::PayloadLost) + self.tally.dropped,
            forgotten_fingerprints: self.tally.forgotten,
            labels: self.tally.labels.iter().map(label).collect(),
            responder: self.responds.then(|| Responder {
                answered: of(Event::Answered),
                rate_limited_source: of(Event::RateLimitedSource),
                rate_limited_total: of(Event::RateLimitedTotal),
                odd: of(Event::Unsupported),
                accepted: of(Event::Accepted),
                prompted: of(Event::Prompted),
                ended: of(Event::Ended),
                stray: of(Event::OutOfState),
                failed: of(Event::Failed),
            }),
        }
    }

    /// What a snapshot said of labels, for a process that goes on.
    pub fn tally_of(payloads: &Payloads) -> Tally {
        let kind = |label: &PayloadLabel| Kind {
            exploit: label.exploit.clone(),
            family: label.family.clone(),
            attribution_source: label.attribution_source.clone(),
            port: label.port,
        };
        Tally {
            labels: payloads.labels.iter().map(|label| (kind(label), label.payloads)).collect(),
            logins: payloads.logins,
            dropped: 0,
            forgotten: payloads.forgotten_fingerprints,
        }
    }
}
