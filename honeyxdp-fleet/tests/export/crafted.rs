//! An archive whose rows have the sensor's address in every place that is known.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use honeyxdp_archive::{AccountingRow, Archive, Attribution, CaptureMode, Classification, FlowRow, PayloadRow, Writer};

/// The sensor's addresses.
pub(crate) const SENSOR: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 7);
pub(crate) const SENSOR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 7);
/// Who sends.
pub(crate) const SOURCES: [Ipv4Addr; 3] =
    [Ipv4Addr::new(203, 0, 113, 77), Ipv4Addr::new(203, 0, 113, 99), Ipv4Addr::new(192, 88, 44, 211)];
pub(crate) const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xabcd, 0, 0, 0, 0, 0x99);
/// As it is in rows.
const NAME: &str = "tokyo-198.18.0.7";
/// 2019-11-05T12:00:00Z.
pub(crate) const START: i64 = 1_572_955_200_000;
const MINUTE: i64 = 60_000;

/// A row of flows of the first interval.
pub(crate) fn row(src: impl Into<IpAddr>, first: i64) -> FlowRow {
    FlowRow {
        interval_start: START,
        interval_end: START + MINUTE,
        family: "other",
        rule_id: "other/1",
        attributed_family: None,
        src: src.into(),
        protocol: honeyxdp_archive::TCP,
        src_port_first: None,
        src_port_last: None,
        dst_port: 23,
        packets: 1,
        first_seen: first,
        last_seen: first,
        matched: 1,
        tcp_window: 5840,
        ttl: 52,
        dont_fragment: None,
        options_length: 20,
        options_head: 0x0204_05b4,
        ip_id: 0,
        seq_first: 1,
        seq_last: 1,
        country: Some(*b"JP"),
        asn: Some(64_496),
    }
}

/// A payload of the first interval, with nothing in it.
pub(crate) fn payload(src: impl Into<IpAddr>, time: i64) -> PayloadRow {
    PayloadRow {
        interval_start: START,
        time,
        src: src.into(),
        src_port: 40_000,
        dst_port: 80,
        protocol: honeyxdp_archive::TCP,
        capture_mode: CaptureMode::Answered,
        exploit: Some(Classification { name: "CVE-2017-17215".into(), rule_id: "huawei/1".into(), confidence: 'A' }),
        family: Attribution::Unattributed,
        url_host: None,
        url_path: None,
        url_file: None,
        username: None,
        password: None,
        length: 100,
        payload: Vec::new(),
        country: None,
        asn: None,
    }
}

fn rows() -> Vec<FlowRow> {
    let target = SENSOR.to_bits();
    let low = u16::try_from((target ^ 80 ^ 0x1234_5678) & 0xffff).unwrap();
    let mut rows = Vec::new();
    for src in SOURCES.map(IpAddr::V4).into_iter().chain([SOURCE_V6.into()]) {
        let row = row(src, START + 5);
        rows.extend([
            FlowRow { family: "mirai", rule_id: "mirai/1", matched: 2, seq_first: target, seq_last: target, ..row },
            FlowRow {
                family: "masscan",
                rule_id: "masscan/1",
                dst_port: 80,
                ip_id: low,
                seq_first: 0x1234_5678,
                ..row
            },
            FlowRow { seq_first: target.swap_bytes(), seq_last: target.swap_bytes(), packets: 3, ..row },
        ]);
    }
    rows
}

/// Texts with the sensor's address in all its spellings.
pub(crate) fn spellings() -> Vec<String> {
    let (bits, [a, b, c, d]) = (SENSOR.to_bits(), SENSOR.octets());
    vec![
        SENSOR.to_string(),
        format!("{a}-{b}-{c}-{d}"),
        format!("{bits:08x}"),
        format!("{bits:08X}"),
        format!("{bits:#x}"),
        bits.to_string(),
        format!("{:08x}", bits.swap_bytes()),
        bits.swap_bytes().to_string(),
        format!("0{bits:o}"),
        format!("{a:02x}.{b:02x}.{c:02x}.{d:02x}"),
        format!("{a}%2e{b}%2e{c}%2e{d}"),
        format!("{d}.{c}.{b}.{a}"),
        SENSOR_V6.to_string(),
        SENSOR_V6.octets().map(|byte| format!("{byte:02x}")).concat(),
    ]
}

fn payloads() -> Vec<PayloadRow> {
    let mut payloads = Vec::new();
    for (n, spelling) in (0..).zip(spellings()) {
        let plain = payload(SOURCES[0], START + n);
        let some = |text: String| Some(text);
        payloads.extend([
            PayloadRow { payload: format!("GET / HTTP/1.1\r\nHost: {spelling}\r\n\r\n").into_bytes(), ..plain.clone() },
            PayloadRow { payload: [&b"\0"[..], &SENSOR.octets(), &SENSOR_V6.octets()].concat(), ..plain.clone() },
            PayloadRow {
                url_host: some(SOURCES[0].to_string()),
                url_path: some(format!("/bins/{spelling}.sh")),
                url_file: some(format!("{spelling}.sh")),
                ..plain.clone()
            },
            PayloadRow {
                url_host: some(format!("x.{spelling}.example")),
                url_path: some("/x".into()),
                ..plain.clone()
            },
            PayloadRow { username: some(format!("root@{spelling}")), password: some(spelling.clone()), ..plain },
        ]);
    }
    let plain = payload(SOURCE_V6, START + 50);
    for (host, path, file) in [
        (SOURCE_V6.to_string(), "/bins/mirai.arm7", "mirai.arm7"),
        (format!("u:p@{}:81", SOURCES[1]), "/Mozi.m", "Mozi.m"),
        ("cnc.example.net".to_owned(), "/bins/x86_64", "x86_64"),
    ] {
        let (url_host, url_path, url_file) = (Some(host), Some(path.into()), Some(file.into()));
        payloads.push(PayloadRow { url_host, url_path, url_file, ..plain.clone() });
    }
    payloads.push(PayloadRow { username: Some("root".into()), password: Some("123456789".into()), ..plain });
    payloads
}

/// Writes it, and returns how many payloads it has.
pub(crate) fn archive(directory: &Path) -> usize {
    let mut writer = Writer::open(&Archive::new(directory), NAME, 1000).unwrap();
    let (rows, payloads) = (rows(), payloads());
    let packets = rows.iter().map(|row| u64::from(row.packets)).sum();
    let count = payloads.len();
    rows.into_iter().for_each(|row| writer.push(row).unwrap());
    payloads.into_iter().for_each(|payload| writer.push_payload(payload).unwrap());
    writer.account(AccountingRow {
        interval_start: START,
        interval_end: START + MINUTE,
        frames: packets,
        syns: packets,
        packets,
        payloads: Some(count as u64),
        payloads_lost: Some(0),
        ..AccountingRow::default()
    });
    writer.flush().unwrap();
    count
}
