//! First payloads, and the responder.

use std::collections::BTreeMap;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family as Labelled},
    registry::Registry,
};

use super::counter;
use crate::snapshot::Payloads;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    exploit: String,
    family: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Event {
    event: &'static str,
}

pub(super) fn register(registry: &mut Registry, payloads: &Payloads) {
    let labelled = Labelled::<Label, Counter>::default();
    registry.register("payloads", "First payloads by exploit and family; logins have no exploit", labelled.clone());
    let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for label in &payloads.labels {
        // A port is no label: there could be 65,536 of them.
        *sums.entry((label.exploit.as_deref().unwrap_or("none"), &label.family)).or_default() += label.payloads;
    }
    for ((exploit, family), count) in sums {
        let label = Label { exploit: exploit.to_owned(), family: family.to_owned() };
        labelled.get_or_create(&label).inc_by(count);
    }
    counter(registry, "logins", "Logins that were tried at the responder's prompts", payloads.logins);
    counter(registry, "payloads_limited", "Payloads beyond the limits of their second", payloads.limited);
    counter(registry, "payloads_lost", "Payloads that found no room", payloads.lost);
    let Some(responder) = &payloads.responder else { return };
    let events = Labelled::<Event, Counter>::default();
    registry.register("responder", "What the responder did with SYNs and segments", events.clone());
    for (event, count) in [
        ("answered", responder.answered),
        ("rate_limited_source", responder.rate_limited_source),
        ("rate_limited_total", responder.rate_limited_total),
        ("odd", responder.odd),
        ("accepted", responder.accepted),
        ("prompted", responder.prompted),
        ("ended", responder.ended),
        ("stray", responder.stray),
        ("failed", responder.failed),
    ] {
        events.get_or_create(&Event { event }).inc_by(count);
    }
}
