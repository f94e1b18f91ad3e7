//! First payloads and the responder, as a snapshot shows them.

use std::cmp::Reverse;

use honeyxdp_common::responder::Event;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limit::CLASSIFICATIONS;
use crate::{
    kernel::Events,
    payloads::{Kind, Tally},
};

/// First payloads of connections, and logins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Payloads {
    /// Classified payloads and logins: the sum of `classifications` and `other_classifications`.
    pub classified: u64,
    /// Logins among them. What a client typed at both prompts of one connection is one login.
    pub logins: u64,
    /// Segments dropped by --payload-rate or --payload-rate-per-source.
    pub rate_limited: u64,
    /// Segments dropped for lack of memory.
    pub lost: u64,
    /// Sources whose fingerprint was dropped for lack of memory. Their payloads can be attributed to family `unknown`.
    pub forgotten_fingerprints: u64,
    /// Payloads by classification: the 40 most frequent, in falling order.
    pub classifications: Vec<ClassificationReport>,
    /// Payloads that `classifications` does not list.
    pub other_classifications: OtherClassifications,
    /// The responder's counters; null without --respond.
    pub responder: Option<Responder>,
}

/// Payloads with the same classification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClassificationReport {
    /// Exploit, by the signatures of docs/use/signatures-and-responder.md; null if no signature matches.
    pub exploit: Option<String>,
    /// Family of the source, or `unknown`.
    pub family: String,
    /// Basis of the family: the `payload`, the `fingerprint` of the source's SYNs in the 24 hours before, or `none`.
    pub attribution_source: String,
    /// Destination port.
    pub port: u16,
    /// Number of payloads.
    pub payloads: u64,
}

/// Payloads whose classification is not listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OtherClassifications {
    /// Number of payloads.
    pub payloads: u64,
}

/// Counters of the responder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Responder {
    /// SYNs answered.
    pub answered: u64,
    /// SYNs not answered because of --respond-rate-per-source.
    pub rate_limited_source: u64,
    /// SYNs not answered because of --respond-rate.
    pub rate_limited_total: u64,
    /// SYNs not answered because they have IP options, extension headers, fragments or a wrong length.
    pub unsupported: u64,
    /// Handshakes completed before the client sent data.
    pub accepted: u64,
    /// Prompts sent.
    pub prompted: u64,
    /// Connections ended.
    pub ended: u64,
    /// Segments that acknowledge no answer of this sensor. They are passed on.
    pub out_of_state: u64,
    /// Frames that the kernel did not allow to be changed.
    pub failed: u64,
}

/// Counters of payloads at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// By classification.
    pub tally: Tally,
    /// Counters of the kernel program.
    pub events: Events,
    /// Whether the responder answers SYNs.
    pub responds: bool,
}

impl Captured {
    /// Payloads that arrived and were dropped.
    pub fn lost(&self) -> u64 {
        self.events.of(Event::PayloadRateLimited) + self.events.of(Event::PayloadLost) + self.tally.dropped
    }

    /// Counts since an earlier moment.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            tally: self.tally.since(&before.tally),
            events: self.events.since(&before.events),
            responds: self.responds,
        }
    }

    pub(super) fn report(&self) -> Payloads {
        let of = |event| self.events.of(event);
        let mut ranked: Vec<(&Kind, u64)> =
            self.tally.labels.iter().map(|(kind, &payloads)| (kind, payloads)).collect();
        ranked.sort_by_key(|&(kind, payloads)| (Reverse(payloads), kind));
        let rest: u64 = ranked.iter().skip(CLASSIFICATIONS).map(|(_, payloads)| payloads).sum();
        ranked.truncate(CLASSIFICATIONS);
        let classification = |(kind, payloads): (&Kind, u64)| ClassificationReport {
            exploit: kind.exploit.clone(),
            family: kind.family.clone(),
            attribution_source: kind.attribution_source.clone(),
            port: kind.port,
            payloads,
        };
        Payloads {
            classified: self.tally.payloads(),
            logins: self.tally.logins,
            rate_limited: of(Event::PayloadRateLimited),
            lost: of(Event::PayloadLost) + self.tally.dropped,
            forgotten_fingerprints: self.tally.forgotten,
            classifications: ranked.into_iter().map(classification).collect(),
            other_classifications: OtherClassifications { payloads: rest + self.tally.unlisted },
            responder: self.responds.then(|| Responder {
                answered: of(Event::Answered),
                rate_limited_source: of(Event::RateLimitedSource),
                rate_limited_total: of(Event::RateLimitedTotal),
                unsupported: of(Event::Unsupported),
                accepted: of(Event::Accepted),
                prompted: of(Event::Prompted),
                ended: of(Event::Ended),
                out_of_state: of(Event::OutOfState),
                failed: of(Event::Failed),
            }),
        }
    }

    /// The tally that a snapshot shows, for a process that resumes. Unlisted classifications stay a sum.
    pub fn tally_of(payloads: &Payloads) -> Tally {
        let kind = |report: &ClassificationReport| Kind {
            exploit: report.exploit.clone(),
            family: report.family.clone(),
            attribution_source: report.attribution_source.clone(),
            port: report.port,
        };
        Tally {
            labels: payloads.classifications.iter().map(|report| (kind(report), report.payloads)).collect(),
            unlisted: payloads.other_classifications.payloads,
            logins: payloads.logins,
            dropped: 0,
            forgotten: payloads.forgotten_fingerprints,
        }
    }
}

impl Payloads {
    /// Payloads by exploit and family, summed over ports, in falling order; logins and unknown exploits have none.
    pub fn by_exploit(&self) -> Vec<(Option<&str>, &str, u64)> {
        let mut sums: Vec<(Option<&str>, &str, u64)> = Vec::new();
        for report in &self.classifications {
            let key = (report.exploit.as_deref(), report.family.as_str());
            match sums.iter_mut().find(|(exploit, family, _)| (*exploit, *family) == key) {
                Some((_, _, sum)) => *sum += report.payloads,
                None => sums.push((key.0, key.1, report.payloads)),
            }
        }
        sums.sort_by_key(|&(exploit, family, payloads)| (Reverse(payloads), exploit, family));
        sums
    }
}
