//! Labels of any bytes, of any words, and of orders that are encoded somehow.

use std::sync::LazyLock;

use honeyxdp_signatures::Rules;
use proptest::prelude::*;

use crate::{judge::judge, mutated::WORDS};

/// Compiled once for all cases.
static OWN: LazyLock<Rules> = LazyLock::new(|| Rules::own().unwrap());

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
