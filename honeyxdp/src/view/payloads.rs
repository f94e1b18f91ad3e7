//! First payloads for people: exploits, families, logins, and the responder.

use super::format::count;
use crate::snapshot::{Payloads, Responder};

/// Exploits and families in a list.
const TOP: usize = 5;

/// What was captured, in short parts, the most important first.
pub(super) fn payload_parts(payloads: &Payloads) -> Vec<String> {
    let mut parts =
        vec![format!("{} classified", count(payloads.classified)), format!("{} logins", count(payloads.logins))];
    if let Some(responder) = &payloads.responder {
        parts.push(format!("{} SYNs answered", count(responder.answered)));
    }
    if payloads.rate_limited + payloads.lost > 0 {
        parts.push(format!("{} rate limited", count(payloads.rate_limited)));
        parts.push(format!("{} lost", count(payloads.lost)));
    }
    parts.extend(payloads.by_exploit().into_iter().take(TOP).map(|(exploit, family, payloads)| {
        format!("{} of {family} {}", exploit.unwrap_or("no exploit"), count(payloads))
    }));
    parts
}

/// What was captured, as lines under a table.
pub(super) fn payload_lines(payloads: &Payloads) -> String {
    let mut text = format!(
        "payloads: {} classified, {} logins; {} rate limited, {} lost",
        count(payloads.classified),
        count(payloads.logins),
        count(payloads.rate_limited),
        count(payloads.lost)
    );
    for (exploit, family, payloads) in payloads.by_exploit().into_iter().take(TOP) {
        text.push_str(&format!(
            "\n  {:>9}  {} (family {family})",
            count(payloads),
            exploit.unwrap_or("no known exploit")
        ));
    }
    if let Some(Responder { answered, accepted, prompted, rate_limited_source, rate_limited_total, .. }) =
        &payloads.responder
    {
        text.push_str(&format!(
            "\nresponder: {} SYNs answered, {} connections accepted, {} prompts sent; {} rate limited",
            count(*answered),
            count(*accepted),
            count(*prompted),
            count(rate_limited_source + rate_limited_total)
        ));
    }
    text
}
