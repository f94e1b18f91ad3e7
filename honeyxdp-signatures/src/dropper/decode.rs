//! Removes the encodings of HTTP, XML and the shell from a command.

/// Stands for a `+` on the wire, which is a blank in a form and a plus in a URL. The byte before the first argument of a command
/// decides which.
pub(super) const PLUS: u8 = 0x1f;

/// Longest name or number of an entity, bytes.
const MAX_ENTITY: usize = 8;

/// Decodes `%xx`, XML and HTML entities, and `${IFS}`, each once.
pub(super) fn decode(raw: &[u8]) -> Vec<u8> {
    shell_and_xml(&percent(raw))
}

fn percent(raw: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            (b'+', _) => decoded.push(PLUS),
            // No command contains this byte, and PLUS has another meaning here.
            (&PLUS, _) => decoded.push(b' '),
            (&byte, _) => decoded.push(byte),
        }
    }
    decoded
}

/// The value of a hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

fn shell_and_xml(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let special = match first {
            b'&' => entity(rest),
            b'$' => separator(rest).map(|length| (' ', length)),
            _ => None,
        };
        if let Some((character, length)) = special {
            decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[length..];
        } else {
            decoded.push(*first);
            rest = after;
        }
    }
    decoded
}

/// The character of an entity at the start of a text, and the entity's length in bytes.
fn entity(text: &[u8]) -> Option<(char, usize)> {
    let end = text.iter().take(MAX_ENTITY + 2).position(|&byte| byte == b';')?;
    let character = match std::str::from_utf8(&text[1..end]).ok()? {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((character, end + 1))
}

/// Length of a shell field separator at the start of a text, bytes. A `$9` after it is an empty word that ends the name.
fn separator(text: &[u8]) -> Option<usize> {
    let written = [&b"${IFS}"[..], b"$IFS"].into_iter().find(|written| text.starts_with(written))?;
    match &text[written.len()..] {
        [b'$', digit, ..] if digit.is_ascii_digit() => Some(written.len() + 2),
        _ => Some(written.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_every_encoding_once() {
        for (raw, expected) in [
            ("a%20b%3B%0a%2f", "a b;\n/"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz%%41", "%zz%A"),
            ("%2541", "%41"),
            ("a+b%2B\x1f", "a\x1fb+ "),
            ("a&amp;&amp;b&lt;&gt;&quot;&apos;", "a&&b<>\"'"),
            ("&#59;&#x3b;&#X3B;&#228;", ";;;ä"),
            ("&amp &amplifier; &#; &#x; &#xd800; &#99999999; &;", "&amp &amplifier; &#; &#x; &#xd800; &#99999999; &;"),
            ("a${IFS}b$IFS$9c${IFS}$1d$IFS", "a b c d "),
            ("%24%7BIFS%7D", " "),
            ("$ $I ${IFS $$", "$ $I ${IFS $$"),
        ] {
            assert_eq!(String::from_utf8(decode(raw.as_bytes())).unwrap(), expected, "{raw}");
        }
        assert_eq!(decode(b"\xff%ff\0"), b"\xff\xff\0");
    }
}
