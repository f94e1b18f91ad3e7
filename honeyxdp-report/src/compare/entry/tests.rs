use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

type Seen = (String, Option<u16>, Option<(String, String)>);

fn seen(parser: &mut LineParser, line: &[u8]) -> Option<Seen> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match parser.line(line) {
        ParsedLine::Entry(entry) => Some((
            entry.address.to_string(),
            entry.port,
            entry.credentials.map(|(user, password)| (text(&user), text(&password))),
        )),
        _ => None,
    }
}

fn one(line: &str) -> Option<Seen> {
    seen(&mut LineParser::default(), line.as_bytes())
}

fn made(address: &str, port: Option<u16>, credentials: Option<(&str, &str)>) -> Option<Seen> {
    Some((address.into(), port, credentials.map(|(user, password)| (user.into(), password.into()))))
}

#[test]
fn lists_come_in_these_formats() {
    let full = made("192.0.2.1", Some(23), Some(("root", "vizxv")));
    for line in [
        "192.0.2.1:23 root:vizxv",
        "192.0.2.1:23 root vizxv",
        "192.0.2.1:23:root:vizxv",
        "192.0.2.1 23 root vizxv",
        "192.0.2.1 23 root:vizxv",
        "192.0.2.1:23 - root:vizxv",
        "192.0.2.1:23 -> root:vizxv x86",
        "192.0.2.1,23,root,vizxv",
        "192.0.2.1;23;root;vizxv",
        "192.0.2.1\t23\troot\tvizxv",
        "192.0.2.1 | 23 | root | vizxv",
        "192.0.2.1:23,root,vizxv",
        "192.0.2.1:23 ; root ; vizxv",
        "192.0.2.1:23\troot:vizxv",
        "192.0.2.1,23,root:vizxv",
        "\"192.0.2.1\",\"23\",\"root\",\"vizxv\"",
        "2019-04-01,192.0.2.1,23,root,vizxv",
        "[2019-04-01 10:00:00] 192.0.2.1:23 root:vizxv",
        "telnet://root:vizxv@192.0.2.1:23/",
        "root:vizxv@192.0.2.1:23",
        "\u{feff}192.0.2.1:23 root:vizxv\0",
        "  ::ffff:192.0.2.1 23 root vizxv  ",
        "::ffff:192.0.2.1,23,root,vizxv",
    ] {
        assert_eq!(one(line), full, "{line}");
    }
    let without_port = made("192.0.2.1", None, Some(("root", "vizxv")));
    for line in [
        "192.0.2.1 root vizxv",
        "192.0.2.1 root:vizxv",
        "192.0.2.1:root:vizxv",
        "192.0.2.1,root,vizxv",
        "192.0.2.1,,root,vizxv",
        "192.0.2.1,root:vizxv",
    ] {
        assert_eq!(one(line), without_port, "{line}");
    }
    for (line, expected) in [
        ("192.0.2.1", made("192.0.2.1", None, None)),
        ("192.0.2.1:23", made("192.0.2.1", Some(23), None)),
        ("192.0.2.1 23", made("192.0.2.1", Some(23), None)),
        ("192.0.2.1,23", made("192.0.2.1", Some(23), None)),
        ("192.0.2.1 # seen in May", made("192.0.2.1", None, None)),
        ("192.0.2.1 Brazil", made("192.0.2.1", None, None)),
        ("192.0.2.1:23 root:", made("192.0.2.1", Some(23), Some(("root", "")))),
        ("192.0.2.1:23::", made("192.0.2.1", Some(23), None)),
        ("192.0.2.1 1234 1234", made("192.0.2.1", None, Some(("1234", "1234")))),
        ("192.0.2.1,1234,1234", made("192.0.2.1", None, Some(("1234", "1234")))),
        ("192.0.2.1:23 root:a:b@c", made("192.0.2.1", Some(23), Some(("root", "a:b@c")))),
        ("192.0.2.1:23:root:a b", made("192.0.2.1", Some(23), Some(("root", "a b")))),
        ("[2001:db8::1]:23 root:vizxv", made("2001:db8::1", Some(23), Some(("root", "vizxv")))),
        ("2001:db8::1 root vizxv", made("2001:db8::1", None, Some(("root", "vizxv")))),
        ("2001:db8::1", made("2001:db8::1", None, None)),
    ] {
        assert_eq!(one(line), expected, "{line}");
    }
}

#[test]
fn what_is_no_entry_says_why() {
    for line in ["", "  ", "\0", "# 192.0.2.1", "// 192.0.2.1", "\u{feff}"] {
        assert_eq!(LineParser::default().line(line.as_bytes()), ParsedLine::Blank, "{line}");
    }
    for line in ["<html>", "999.0.2.1 root root", "192.0.2.0/24", "root:vizxv", "<td>192.0.2.1</td>", "ip:port"] {
        assert_eq!(
            LineParser::default().line(line.as_bytes()),
            ParsedLine::Unparsable(UnparsableReason::NoAddress),
            "{line}"
        );
    }
    for line in ["192.0.2.1:65536 root:root", "192.0.2.1,99999999999999999999,root,root", "192.0.2.1 70000 root root"] {
        assert_eq!(
            LineParser::default().line(line.as_bytes()),
            ParsedLine::Unparsable(UnparsableReason::WrongPort),
            "{line}"
        );
    }
}

#[test]
fn a_header_tells_where_the_columns_are() {
    let mut parser = LineParser::default();
    assert_eq!(parser.line(b"password;country;user;host;port"), ParsedLine::Header);
    let expected = made("192.0.2.1", Some(2323), Some(("root", "a;b")));
    assert_eq!(seen(&mut parser, b"\"a;b\";BR;root;192.0.2.1;2323"), expected);
    // Another list was appended.
    assert_eq!(seen(&mut parser, b"192.0.2.1:2323 root:a;b"), expected);
    assert_eq!(parser.line(b"ip,user"), ParsedLine::Header);
    assert_eq!(seen(&mut parser, b"192.0.2.9:23,root:x"), made("192.0.2.9", Some(23), Some(("root", "x"))));
}

/// Words that people have for users and passwords, without what separates fields.
fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z!$%&*+._äß日][a-zA-Z0-9!$%&*+._äß日]{0,12}"
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits | 1 << 127))),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(address in address(), port in any::<u16>(), user in word(), password in word(), format in 0..9) {
        let place = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let (line, has_port) = match format {
            0 => (format!("{place}:{port} {user}:{password}"), true),
            1 => (format!("{place}:{port}:{user}:{password}"), true),
            2 => (format!("{place} {user} {password}"), false),
            3 => (format!("{place} {port} {user} {password}"), true),
            4 => (format!("{place},{port},{user},{password}"), true),
            5 => (format!("\"{place}\";\"{port}\";\"{user}\";\"{password}\""), true),
            6 => (format!("{place}\t{port}\t{user}\t{password}"), true),
            7 => (format!("ssh://{user}:{password}@{place}:{port}"), true),
            _ => (format!("{place} {user}:{password}\r"), false),
        };
        let expected = (address.to_string(), has_port.then_some(port), Some((user, password)));
        prop_assert_eq!(one(&line), Some(expected), "{}", line);
    }

    #[test]
    fn no_bytes_make_it_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20)) {
        let mut parser = LineParser::default();
        for line in &lines {
            let _ = parser.line(line);
        }
    }

    #[test]
    fn no_text_like_a_list_makes_it_panic(lines in prop::collection::vec("[0-9a-f.:,;\\t |\"@/\\[\\]#iport\u{feff}\0-]{0,60}", 0..20)) {
        let mut parser = LineParser::default();
        for line in &lines {
            if let ParsedLine::Entry(entry) = parser.line(line.as_bytes()) {
                prop_assert_eq!(entry.address, entry.address.to_canonical());
            }
        }
    }
}
