//! First payloads, and the responder.

use std::collections::BTreeMap;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family as Labelled},
    registry::Registry,
};

use super::counter;
use crate::snapshot::{ClassificationReport, Payloads};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    exploit: String,
    family: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Event {
    event: &'static str,
}

/// Payload series. They never decrease, although a classification may leave the list of the snapshot.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// Listed classifications of the last update, and their counts.
    listed: BTreeMap<(Option<String>, String, u16), u64>,
    /// Exploit and family, and the value of the series.
    values: BTreeMap<(String, String), u64>,
    /// Payloads of the last update.
    total: u64,
    /// Payloads that arrived while their classification was not listed.
    other: u64,
    started: bool,
}

impl Series {
    pub(super) fn update(&mut self, payloads: &Payloads) {
        let mut listed = BTreeMap::new();
        let mut new = payloads.classified.saturating_sub(self.total);
        for report in &payloads.classifications {
            let ClassificationReport { exploit, family, port, payloads, .. } = report;
            let key = (exploit.clone(), family.clone(), *port);
            let before = match self.listed.get(&key) {
                Some(&before) => before,
                None if !self.started => 0,
                None => *payloads,
            };
            let added = payloads.saturating_sub(before).min(new);
            new -= added;
            let exploit = exploit.clone().unwrap_or_else(|| "none".to_owned());
            *self.values.entry((exploit, family.clone())).or_default() += added;
            *listed.entry(key).or_default() += payloads;
        }
        self.other += new;
        (self.listed, self.total, self.started) = (listed, payloads.classified, true);
    }

    pub(super) fn register(&self, registry: &mut Registry, payloads: &Payloads) {
        let classified = Labelled::<Label, Counter>::default();
        let help = "First payloads by exploit and family, and those of rare ones as other; logins have no exploit";
        registry.register("payloads", help, classified.clone());
        for ((exploit, family), &count) in &self.values {
            // A port is no label: there could be 65,536 values.
            let label = Label { exploit: exploit.clone(), family: family.clone() };
            classified.get_or_create(&label).inc_by(count);
        }
        let other = || "other".to_owned();
        classified.get_or_create(&Label { exploit: other(), family: other() }).inc_by(self.other);
        counter(registry, "logins", "Logins tried at the responder's prompts", payloads.logins);
        counter(registry, "payloads_rate_limited", "Payloads dropped by a rate limit", payloads.rate_limited);
        counter(registry, "payloads_lost", "Payloads dropped for lack of memory", payloads.lost);
        let Some(responder) = &payloads.responder else { return };
        let events = Labelled::<Event, Counter>::default();
        registry.register("responder_events", "SYNs and segments by what the responder did", events.clone());
        for (event, count) in [
            ("answered", responder.answered),
            ("rate_limited_source", responder.rate_limited_source),
            ("rate_limited_total", responder.rate_limited_total),
            ("unsupported", responder.unsupported),
            ("accepted", responder.accepted),
            ("prompted", responder.prompted),
            ("ended", responder.ended),
            ("out_of_state", responder.out_of_state),
            ("failed", responder.failed),
        ] {
            events.get_or_create(&Event { event }).inc_by(count);
        }
    }
}
