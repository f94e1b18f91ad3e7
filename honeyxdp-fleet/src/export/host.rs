//! Hosts of URLs: addresses become what sources become, names stay.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    addresses::Addresses,
    texts::{may_hold_an_address, percent_decoded},
};

/// What is given away of a host, which may stand in a whole URL, behind `user:pass@`, in brackets or before a port: the address
/// as its source would be, or the name alone. None of it where it may be a sensor's address:
///
/// * an address of those that are known to be;
/// * any address, where they stay real and nobody said which are the sensors';
/// * a name with an address in it.
pub(super) fn given_away(host: &str, addresses: &mut Addresses) -> Option<String> {
    let decoded = String::from_utf8_lossy(&percent_decoded(host.as_bytes())).into_owned();
    let bare = bare(&decoded);
    let Some(address) = address(bare) else {
        return (!bare.is_empty() && !may_hold_an_address(bare)).then(|| bare.to_owned());
    };
    if addresses.is_own(address) || (addresses.are_real() && !addresses.knows_own()) {
        return None;
    }
    Some(match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(addresses.v4(address.to_bits())).to_string(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(addresses.v6(address.to_bits())).to_string(),
    })
}

/// The host alone.
fn bare(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((host, _)) => host,
        // More than one colon is no port.
        None => host.split_once(':').filter(|(_, port)| !port.contains(':')).map_or(host, |(host, _)| host),
    };
    host.trim().trim_end_matches('.')
}

/// The address that a host is.
fn address(host: &str) -> Option<IpAddr> {
    let without_zone = host.split('%').next().unwrap_or_default();
    match without_zone.parse::<Ipv6Addr>() {
        Ok(address) => Some(address.to_canonical()),
        Err(_) => v4(host).map(|address| Ipv4Addr::from_bits(address).into()),
    }
}

/// An IPv4 address as `inet_aton` of the C library reads it, and with it every client that a dropper calls: one to four numbers,
/// decimal, octal behind `0`, hexadecimal behind `0x`; the last one fills what is left.
fn v4(host: &str) -> Option<u32> {
    let parts = host.split('.').map(number).collect::<Option<Vec<u32>>>()?;
    let (last, front) = parts.split_last()?;
    if front.len() > 3 || front.iter().any(|&part| part > 255) {
        return None;
    }
    let bits_left = 32 - 8 * u32::try_from(front.len()).ok()?;
    if bits_left < 32 && last >> bits_left != 0 {
        return None;
    }
    let front = front.iter().fold(0_u64, |sum, &part| sum << 8 | u64::from(part));
    u32::try_from(front << bits_left | u64::from(*last)).ok()
}

fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // A sign is no digit, whatever a parser of numbers says.
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::key::Key;

    #[test]
    fn an_address_is_what_its_source_is_however_it_is_written() {
        let mut addresses = Addresses::new(Some(&Key::from([3; 32])), false, Vec::new());
        let expected = Ipv4Addr::from_bits(addresses.v4(0xcb00_714d)).to_string();
        for host in [
            "203.0.113.77",
            "203.0.113.77:8080",
            "user:pass@203.0.113.77",
            "u:p@203.0.113.77:81",
            "http://203.0.113.77/x",
            "203.0.113.77.",
            "203%2e0.113.77",
            "0313.0.0161.0115",
            "0xcb.0x0.0x71.0x4d",
            "0xcb00714d",
            "3405803853",
            "203.0.29005",
            "203.29005",
            "::ffff:203.0.113.77",
            "[::ffff:cb00:714d]:80",
        ] {
            assert_eq!(given_away(host, &mut addresses).as_ref(), Some(&expected), "{host}");
        }
        let expected = Ipv6Addr::from_bits(addresses.v6((0x2001_0db8 << 96) | 0x77)).to_string();
        for host in
            ["2001:db8::77", "[2001:db8::77]", "[2001:db8::77]:80", "u@[2001:DB8:0::77]:80", "2001:db8::77%eth0"]
        {
            assert_eq!(given_away(host, &mut addresses).as_ref(), Some(&expected), "{host}");
        }
    }

    #[test]
    fn names_stay_unless_an_address_is_in_them() {
        let mut addresses = Addresses::new(None, false, Vec::new());
        let mut given = |host: &str| given_away(host, &mut addresses);
        assert_eq!(given("cnc.example.net").as_deref(), Some("cnc.example.net"));
        assert_eq!(given("198.18.0.7@cnc.example.net:81").as_deref(), Some("cnc.example.net"));
        for host in
            ["198.18.0.7.nip.example", "ec2-198-18-0-7.example", "c6120007.example", "256.1.2.3", "", "198.18.0.7 x"]
        {
            assert_eq!(given(host), None, "{host}");
        }
    }

    #[test]
    fn what_may_be_a_sensors_address_is_not_given_away() {
        let own = vec!["198.18.0.0/24".parse().unwrap()];
        for key in [None, Some(Key::from([3; 32]))] {
            let mut addresses = Addresses::new(key.as_ref(), false, own.clone());
            assert_eq!(given_away("198.18.0.7", &mut addresses), None);
            assert_eq!(given_away("3323068423", &mut addresses), None);
            assert!(given_away("203.0.113.77", &mut addresses).is_some());
        }
        assert_eq!(given_away("203.0.113.77", &mut Addresses::new(None, true, Vec::new())), None);
        let mut addresses = Addresses::new(None, true, own);
        assert_eq!(given_away("203.0.113.77", &mut addresses).as_deref(), Some("203.0.113.0"));
    }
}
