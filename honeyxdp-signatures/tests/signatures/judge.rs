//! What has to be true of the label of any bytes: for the tests, and for the fuzz target `labels`.

use honeyxdp_signatures::{LONGEST, Region, Rules};

/// Words of which one stands in every payload of a family, or in the name of its file.
const TELLING: &[(&str, &[&str])] = &[
    ("mozi", &["mozi."]),
    ("qbot", &["gayfgt", "\\147", "\\0147", "\\x67", "corona", "cayosin", "demon", "love"]),
    ("mirai", &["mirai", "ecchi", "hello", "hakai", "apep", "osiris", "katana"]),
    ("hajime", &[".i.", "atk."]),
];

/// Says what is wrong with the label of a payload.
pub(crate) fn judge(rules: &Rules, payload: &[u8]) -> Result<(), String> {
    let label = rules.label(payload);
    let wrong = |what: &str| Err(format!("{what}: {label:?}"));
    let dropper = label.dropper.as_ref();
    if let Some(dropper) = dropper {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
        if dropper.host.is_empty() || !dropper.host.chars().all(is_plain) {
            return wrong("the host is none");
        }
        if [&dropper.host, &dropper.path, &dropper.file].iter().any(|text| text.len() > LONGEST) {
            return wrong("a text is too long");
        }
        if dropper.file.contains('/') || (dropper.path.len() < LONGEST - 3 && !dropper.path.contains(&dropper.file)) {
            return wrong("the file is not that of the path");
        }
    }
    if dropper.is_some() && label.exploit.is_none() {
        return wrong("an order to fetch something is no exploit");
    }
    let is_http = payload.iter().find(|byte| !b"\r\n".contains(byte)).is_some_and(u8::is_ascii_uppercase);
    for found in label.exploit.iter().chain(&label.family) {
        let mut regions = found.regions.iter();
        let whole = |region: Region| matches!(region, Region::Any | Region::Start | Region::File);
        if found.regions.iter().next().is_none() || !regions.all(|region| is_http || whole(region)) {
            return wrong("a region is not there");
        }
    }
    if let Some(found) = label.family {
        let words = TELLING.iter().find(|(name, _)| *name == found.rule.name).map_or(&[][..], |(_, words)| words);
        let file = dropper.map_or("", |dropper| &dropper.file);
        let text = [&payload.to_ascii_lowercase()[..], b"\n", &file.to_ascii_lowercase().into_bytes()].concat();
        let text = String::from_utf8_lossy(&text);
        if !words.iter().any(|word| text.contains(word)) {
            return wrong("nothing tells the family");
        }
    }
    Ok(())
}
