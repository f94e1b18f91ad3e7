//! What the rules say of a payload, as the archive has it.

use honeyxdp_archive::{Attribution, Classification};
use honeyxdp_common::family::{Confidence, Family};
use honeyxdp_signatures::{Match, Signatures};

/// What a payload says by itself.
pub(crate) struct Labelled {
    /// What it exploits.
    pub(crate) exploit: Option<Classification>,
    /// Who sent it, if it says so.
    pub(crate) family: Option<Attribution>,
    /// Host, path and file of what it has fetched.
    pub(crate) url: [Option<String>; 3],
}

/// Asks the rules.
pub(crate) fn labelled(rules: &Signatures, payload: &[u8]) -> Labelled {
    let label = |found: Match<'_>| Classification {
        name: found.signature.name.clone().into(),
        rule_id: found.signature.id.clone().into(),
        confidence: letter(found.signature.confidence),
    };
    let found = rules.classify(payload);
    let url = found.dropper.map(|dropper| [dropper.host, dropper.path, dropper.file]);
    Labelled {
        exploit: found.exploit.map(label),
        family: found.family.map(|found| Attribution::ByPayload(label(found))),
        url: url.map_or([const { None }; 3], |texts| texts.map(|text| Some(text).filter(|text| !text.is_empty()))),
    }
}

/// A family's own rule, as a label.
pub(super) fn mark(family: Family, is_v4: bool) -> Classification {
    let rules = family.rules();
    let rule = if is_v4 { &rules[0] } else { rules.get(1).unwrap_or(&rules[0]) };
    Classification { name: family.name().into(), rule_id: rule.id.into(), confidence: letter(rule.confidence) }
}

fn letter(confidence: Confidence) -> char {
    confidence.name().chars().next().unwrap_or('D')
}
