//! Invariants of the classification of any bytes, for the tests and for the fuzz target `signatures`.

use honeyxdp_signatures::{LONGEST, Region, Signatures};

/// One of these words is in every payload of a family, or in its file name.
const TELLING: &[(&str, &[&str])] = &[
    ("mozi", &["mozi."]),
    ("qbot", &["gayfgt", "\\147", "\\0147", "\\x67", "corona", "cayosin", "demon", "love"]),
    ("mirai", &["mirai", "ecchi", "hello", "hakai", "apep", "osiris", "katana"]),
    ("hajime", &[".i.", "atk."]),
];

/// Returns a message if the classification of a payload violates an invariant.
pub(crate) fn judge(signatures: &Signatures, payload: &[u8]) -> Result<(), String> {
    let classification = signatures.classify(payload);
    let wrong = |what: &str| Err(format!("{what}: {classification:?}"));
    let dropper = classification.dropper.as_ref();
    if let Some(dropper) = dropper {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
        if dropper.host.is_empty() || !dropper.host.chars().all(is_plain) {
            return wrong("the host is invalid");
        }
        if [&dropper.host, &dropper.path, &dropper.file].iter().any(|text| text.len() > LONGEST) {
            return wrong("a text is too long");
        }
        if dropper.file.contains('/') || (dropper.path.len() < LONGEST - 3 && !dropper.path.contains(&dropper.file)) {
            return wrong("the file is not the end of the path");
        }
    }
    if dropper.is_some() && classification.exploit.is_none() {
        return wrong("a download command without an exploit");
    }
    let is_http = payload.iter().find(|byte| !b"\r\n".contains(byte)).is_some_and(u8::is_ascii_uppercase);
    for found in classification.exploit.iter().chain(&classification.family) {
        let mut regions = found.regions.iter();
        let whole = |region: Region| matches!(region, Region::Any | Region::Start | Region::File);
        if found.regions.iter().next().is_none() || !regions.all(|region| is_http || whole(region)) {
            return wrong("a matched region is absent");
        }
    }
    if let Some(found) = classification.family {
        let words = TELLING.iter().find(|(name, _)| *name == found.signature.name).map_or(&[][..], |(_, words)| words);
        let file = dropper.map_or("", |dropper| &dropper.file);
        let text = [&payload.to_ascii_lowercase()[..], b"\n", &file.to_ascii_lowercase().into_bytes()].concat();
        let text = String::from_utf8_lossy(&text);
        if !words.iter().any(|word| text.contains(word)) {
            return wrong("no word of the family is present");
        }
    }
    Ok(())
}
