//! Whether a text may hold an address, in any of the ways in which addresses are written.

/// How often percent signs are undone. A text that has more of them in each other is taken to hide something.
const MOST_DECODINGS: usize = 8;
/// Hexadecimal digits of the smallest address that a host can have, 1.0.0.0; a decimal number needs more.
const FEWEST_DIGITS: usize = 7;
/// Numbers, or groups of hexadecimal digits, of an IPv4 address.
const PARTS: usize = 4;

/// Names and passwords that everybody tries, so that they tell nothing of where they were tried: numbers on the keyboard, dates
/// of factories, walks over the keys. All of them could be read as addresses.
const TRIED_EVERYWHERE: [&str; 26] = [
    "0000000",
    "00000000",
    "0123456789",
    "0987654321",
    "1111111",
    "11111111",
    "1122334455",
    "12121212",
    "1234567",
    "12345678",
    "123456789",
    "1234567890",
    "1234567891",
    "147258369",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1q2w3e4r5t6y",
    "20080826",
    "66666666",
    "7654321",
    "7777777",
    "87654321",
    "88888888",
    "987654321",
    "99999999",
    "abc12345",
];

/// Whether a name or password of a login may hold an address. Those that everybody tries do not.
pub(super) fn login_may_hold_an_address(text: &str) -> bool {
    !TRIED_EVERYWHERE.contains(&text) && may_hold_an_address(text)
}

/// Whether an IPv4 or IPv6 address may be in a text: with dots or other separators, as one decimal, octal or hexadecimal number
/// in either byte order, as groups of hexadecimal digits, also behind percent signs. It takes more for an address than there
/// are. What is written in letters, as by base64, it cannot see.
pub(super) fn may_hold_an_address(text: &str) -> bool {
    let mut text = text.as_bytes().to_vec();
    for _ in 0..MOST_DECODINGS {
        if holds_one(&text) {
            return true;
        }
        let decoded = percent_decoded(&text);
        if decoded == text {
            return false;
        }
        text = decoded;
    }
    true
}

fn holds_one(text: &[u8]) -> bool {
    has_digits_of_another_script(text)
        || has_numbers(text)
        || text.split(|byte| !byte.is_ascii_hexdigit()).any(|digits| digits.len() >= FEWEST_DIGITS)
        || has_groups(text)
}

fn has_digits_of_another_script(text: &[u8]) -> bool {
    String::from_utf8_lossy(text).chars().any(|c| !c.is_ascii() && c.is_numeric())
}

/// Four numbers, whatever is between them; or two with a dot between them, which `inet_aton` takes for an address.
fn has_numbers(text: &[u8]) -> bool {
    let numbers = text.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty()).count();
    let is_dotted = |bytes: &[u8]| bytes[0].is_ascii_digit() && bytes[1] == b'.' && bytes[2].is_ascii_digit();
    numbers >= PARTS || text.windows(3).any(is_dotted)
}

/// Words in a row that are nothing but hexadecimal digits, behind `0x`, `x` or nothing, and have together what an address has.
fn has_groups(text: &[u8]) -> bool {
    let (mut groups, mut digits) = (0, 0);
    let mut was_empty = false;
    for word in text.split(|byte| !byte.is_ascii_alphanumeric()) {
        if word.is_empty() {
            was_empty = true;
            continue;
        }
        let hex = hexadecimal(word);
        // As IPv6 leaves zeros out, also with other separators: 2001-db8--7.ipv6-literal.net.
        if was_empty && hex.is_some() && groups > 0 {
            return true;
        }
        was_empty = false;
        match hex {
            Some(more) => (groups, digits) = (groups + 1, digits + more),
            None => (groups, digits) = (0, 0),
        }
        if groups >= PARTS || (groups > 1 && digits >= FEWEST_DIGITS) {
            return true;
        }
    }
    text.windows(2).any(|pair| pair == b"::")
}

/// How many hexadecimal digits a word has that has nothing else.
fn hexadecimal(word: &[u8]) -> Option<usize> {
    let digits = [&b"0x"[..], b"0X", b"x", b"X"].iter().find_map(|mark| word.strip_prefix(*mark)).unwrap_or(word);
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit)).then_some(digits.len())
}

/// A text with percent signs undone once.
pub(super) fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        match after {
            [high, low, after @ ..] if *first == b'%' => match (value(*high), value(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = after;
                }
                _ => decoded.push(*first),
            },
            _ => decoded.push(*first),
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_seen_however_they_are_written() {
        for text in [
            "/198.18.0.7/x",
            "/bins/198-18-0-7.sh",
            "x198y18z0w7",
            "/a?ip=198%2e18%2E0%2e7",
            "/a?ip=198%252e18.0.7",
            "/%31%39%38.18.0.7",
            "/%2525252525252525252525252525252525253a",
            "/0306.022.0.07",
            "/0xc6.0x12.0x0.0x7",
            "/c6.12.00.07",
            "c6:12:0:7",
            r"\xc6\x12\x00\x07",
            "/c6120007",
            "/C6120007.sh",
            "/0xc6120007",
            "/070012c6",
            "/c612-0007",
            "/3323068423",
            "/117445318",
            "/030604400007",
            "/198.4608.7",
            "/198.1179655",
            "7.0.18.198.in-addr.arpa",
            "ec2-198-18-0-7.compute.example",
            "198.18.0.7.nip.example",
            "/2001:db8::7",
            "[2001:0db8:0:0:0:0:0:7]",
            "::1",
            "fe80--7.ipv6-literal.net",
            "2001-db8--7.ipv6-literal.net",
            "20010db8000000000000000000000007",
            "7.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            "\u{ff11}\u{ff19}\u{ff18}",
            "1\u{0}9\u{0}8\u{0}.\u{0}1\u{0}8",
        ] {
            assert!(may_hold_an_address(text), "{text}");
        }
    }

    #[test]
    fn usual_texts_have_none() {
        for text in [
            "",
            "/",
            "/bins/mirai.arm7",
            "/bins/x86_64",
            "/Mozi.m",
            "/8UsA.sh",
            "/jaws",
            "/bins/sora.mips64?x=%2e",
            "mips",
            "cnc.example.net",
            "h2.example",
            "tokyo_1",
            "root",
            "admin",
            "123456",
            "888888",
            "xc3511",
            "7ujMko0vizxv",
            "Zte521",
            "100%",
        ] {
            assert!(!may_hold_an_address(text), "{text}");
        }
        for text in TRIED_EVERYWHERE {
            assert!(!login_may_hold_an_address(text) && may_hold_an_address(text), "{text}");
        }
        assert!(login_may_hold_an_address("root@198.18.0.7") && login_may_hold_an_address("3323068423"));
    }
}
