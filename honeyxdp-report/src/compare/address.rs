//! An address at the beginning of some bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest IPv6 address as text, bytes.
const LONGEST_V6: usize = 45;

/// Whether a byte may come after an address: the next field begins.
pub(super) const fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b';' | b'|' | b':')
}

/// Reads an address that ends with the bytes or before a separator, and tells how many bytes it has. IPv6 with a port, or
/// with other fields after a colon, has to stand in brackets.
pub(super) fn prefix(bytes: &[u8]) -> Option<(IpAddr, usize)> {
    let (address, length) = match bytes.first()? {
        b'[' => {
            let end = bytes.iter().take(LONGEST_V6 + 2).position(|&byte| byte == b']')?;
            (v6(&bytes[1..end])?, end + 1)
        }
        _ => match v4(bytes) {
            Some((address, length)) => (IpAddr::V4(address), length),
            None => {
                let is_end = |&byte: &u8| is_separator(byte) && byte != b':';
                let end = bytes.iter().take(LONGEST_V6 + 1).position(is_end).unwrap_or(bytes.len());
                (v6(&bytes[..end])?, end)
            }
        },
    };
    bytes.get(length).is_none_or(|&byte| is_separator(byte)).then_some((address, length))
}

fn v6(bytes: &[u8]) -> Option<IpAddr> {
    if bytes.len() > LONGEST_V6 || !bytes.contains(&b':') {
        return None;
    }
    let address: Ipv6Addr = str::from_utf8(bytes).ok()?.parse().ok()?;
    Some(IpAddr::V6(address))
}

/// Four numbers from 0 to 255 without zeros in front: those would be octal to some and decimal to others.
fn v4(bytes: &[u8]) -> Option<(Ipv4Addr, usize)> {
    let mut octets = [0_u8; 4];
    let mut at = 0;
    for (position, octet) in octets.iter_mut().enumerate() {
        if position > 0 {
            if bytes.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let digits = bytes[at..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 3 || (digits > 1 && bytes[at] == b'0') {
            return None;
        }
        let number = bytes[at..at + digits].iter().fold(0_u16, |number, &digit| number * 10 + u16::from(digit - b'0'));
        *octet = u8::try_from(number).ok()?;
        at += digits;
    }
    Some((Ipv4Addr::from(octets), at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<(String, usize)> {
        prefix(text.as_bytes()).map(|(address, length)| (address.to_string(), length))
    }

    #[test]
    fn an_address_ends_where_the_next_field_begins() {
        for (text, address, length) in [
            ("192.0.2.1", "192.0.2.1", 9),
            ("192.0.2.1:23 root:root", "192.0.2.1", 9),
            ("255.255.255.255,x", "255.255.255.255", 15),
            ("[2001:db8::1]:23", "2001:db8::1", 13),
            ("2001:db8::1 root admin", "2001:db8::1", 11),
            ("::ffff:192.0.2.1;x", "::ffff:192.0.2.1", 16),
        ] {
            assert_eq!(shown(text), Some((address.to_owned(), length)), "{text}");
        }
        for wrong in [
            "",
            "1",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.01",
            "192.0.2.1.5",
            "192.0.2.1/24",
            "192.0.2.1x",
            "1.2.3.4444",
            "192..2.1",
            "[2001:db8::1",
            "[192.0.2.1]",
            "2001:db8::1:23:root:root",
            "fe80::1%eth0",
            "::g",
            "12:34",
        ] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }
}
