//! Rows that differ in everything that can differ.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use honeyxdp_archive::{Attribution, CaptureMode, Classification, FlowRow, PayloadRow};

fn source(n: u32) -> IpAddr {
    if n.is_multiple_of(5) {
        IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(n)))
    } else {
        IpAddr::V4(Ipv4Addr::from_bits(0xc612_0000 | (n.wrapping_mul(2_654_435_761) >> 15)))
    }
}

/// A row of flows of an interval of ten seconds.
pub(crate) fn row(n: u32, start: i64) -> FlowRow {
    FlowRow {
        interval_start: start,
        interval_end: start + 10_000,
        family: ["mirai", "hajime", "other"][n as usize % 3],
        rule_id: ["mirai/1", "hajime/1", "other/1"][n as usize % 3],
        attributed_family: n.is_multiple_of(7).then_some("nmap"),
        src: source(n),
        protocol: honeyxdp_archive::TCP,
        src_port_first: None,
        src_port_last: None,
        dst_port: [23, 2323, 80][n as usize % 3],
        packets: n % 9 + 1,
        first_seen: start + i64::from(n),
        last_seen: start + i64::from(n) + 5,
        matched: 2,
        tcp_window: 14_600,
        ttl: 64,
        dont_fragment: None,
        options_length: 4,
        options_head: 0x0204_05b4,
        ip_id: 7,
        seq_first: n,
        seq_last: n + 1,
        country: n.is_multiple_of(2).then_some(*b"JP"),
        asn: n.is_multiple_of(3).then_some(64_496),
    }
}

fn label(name: &'static str, rule: &'static str, confidence: char) -> Classification {
    Classification { name: name.into(), rule_id: rule.into(), confidence }
}

/// A payload or a login of the same interval.
pub(crate) fn payload(n: u32, start: i64) -> PayloadRow {
    let text = |text: String, some: u32| n.is_multiple_of(some).then_some(text);
    PayloadRow {
        interval_start: start,
        time: start + i64::from(n),
        src: source(n),
        src_port: 40_000,
        dst_port: [37215, 5555, 23][n as usize % 3],
        protocol: honeyxdp_archive::TCP,
        capture_mode: [CaptureMode::Observed, CaptureMode::Answered, CaptureMode::Imported][n as usize / 3 % 3],
        exploit: n.is_multiple_of(3).then(|| label("CVE-2017-17215", "huawei/1", 'A')),
        family: match n % 4 {
            0 => Attribution::ByPayload(label("qbot", "qbot-login/1", 'B')),
            1 => Attribution::ByFingerprint(label("mirai", "mirai/1", 'A')),
            _ => Attribution::Unattributed,
        },
        url_host: text(format!("198.51.100.{}", n % 200), 3),
        url_path: text("/bins/mips".to_owned(), 3),
        url_file: text("mips".to_owned(), 6),
        username: text("root".to_owned(), 7),
        password: text(format!("pass{n}"), 14),
        length: 600 + n,
        payload: (0..=u8::MAX).cycle().take(n as usize % 300).collect(),
        country: n.is_multiple_of(2).then_some(*b"JP"),
        asn: n.is_multiple_of(3).then_some(64_496),
    }
}
