//! Payloads in the report: kinds of figure 7, exploits, URLs, logins. Every number is that of the truth.

use std::{cmp::Reverse, collections::BTreeMap, fs, net::IpAddr};

use honeyxdp_archive::{AccountingRow, Archive, Attribution, CaptureMode, Classification, FlowRow, PayloadRow, Writer};
use honeyxdp_report::{period::Step, report::Request};
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::{
    expected::{Rows, Year, number, object, row as text_of},
    make, named,
    numbers::{compare, found, whole, years},
    request, row,
};

const DAY: i64 = 86_400_000;

fn rows(year: Year<'_>, name: &str) -> Vec<Vec<Json>> {
    year.0[name].as_array().unwrap().iter().map(|row| row.as_array().unwrap().clone()).collect()
}

fn text(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The first hundred by a count, and then by their names; what is not there comes last.
fn first(mut rows: Vec<Vec<Json>>, count: usize) -> Vec<Vec<Json>> {
    rows.sort_by_key(|row| {
        let names: Vec<_> = row[..count].iter().map(|name| (name.is_null(), text(name))).collect();
        (Reverse(number(&row[count])), names)
    });
    assert!(rows.len() > 100, "some are not among the first");
    rows.truncate(100);
    rows
}

/// The tables of payloads of one period with these buckets.
pub(crate) fn tables(year: Year<'_>, step: Step) -> BTreeMap<&'static str, Rows> {
    let texts = |rows: Vec<Vec<Json>>| -> Rows { rows.iter().map(|row| row.iter().map(text).collect()).collect() };
    let mut evidence = Rows::new();
    for (family, unique) in object(&year.0["evidence"]) {
        let buckets = object(&unique[step.name()]).iter();
        evidence.extend(buckets.map(|(begin, count)| text_of(&[begin, family, &count["sources"]])));
    }
    let logins = rows(year, "logins");
    let tried: u64 = logins.iter().map(|row| number(&row[2])).sum();
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let share = |row: &Vec<Json>| number(&row[2]) as f64 / tried as f64;
    let logins =
        first(logins, 2).into_iter().map(|row| text_of(&[&text(&row[0]), &text(&row[1]), &row[2], &share(&row)]));
    BTreeMap::from([
        ("evidence", evidence),
        ("payloads", texts(rows(year, "payloads"))),
        ("droppers", texts(first(rows(year, "droppers"), 3))),
        ("logins", logins.collect()),
        ("payload_rules", texts(rows(year, "payload_rules"))),
    ])
}

#[test]
fn figure_7_tells_qbot_mirai_hajime_and_unknown_apart() {
    let (directory, truth) = years(1);
    let mut asked = whole(directory.path());
    let year = Year::of(&truth, "2019");
    let report = make(&asked).unwrap();
    let kinds = found(&report, "kinds");
    compare(&report, "kinds", &year.tables(Step::Day)["kinds"]);
    for port in ["23", "52869"] {
        for kind in ["qbot", "mirai", "hajime", "mozi", "tsunami", "unknown"] {
            let sources: u64 = (kinds.iter())
                .filter(|row| row[1] == port && row[2] == kind)
                .map(|row| row[3].parse::<u64>().unwrap())
                .sum();
            let days = object(&year.0["kinds"][port][kind]["day"]).values();
            let expected: u64 = days.map(|count| number(&count["sources"])).sum();
            assert!(sources > 0 && sources == expected, "{kind} at {port}: {sources} of {expected}");
        }
    }
    // By its SYNs nobody is qBot.
    assert!(found(&report, "totals").iter().all(|row| row[0] != "qbot"));
    let html = fs::read_to_string(&report.page).unwrap();
    for expected in ["qBot", "qbot-payload/1 B", "CVE-2017-17215", "Lost payloads: 2.", "payloads were captured"] {
        assert!(html.contains(expected), "{expected}");
    }

    // And so it is without the payloads but for what they tell.
    fs::remove_dir_all(directory.path().join("archive/payloads")).unwrap();
    asked.out = directory.path().join("without");
    let without = make(&asked).unwrap();
    assert!(found(&without, "kinds").iter().all(|row| !["qbot", "mozi", "tsunami"].contains(&row[2].as_str())));
    for table in ["totals", "packets_by_port", "sources", "profiles", "countries", "networks", "peaks", "losses"] {
        assert_eq!(found(&without, table), found(&report, table), "{table}");
    }
    for table in ["payloads", "droppers", "logins", "evidence", "payload_rules"] {
        assert!(named(&without, table).rows.is_empty(), "{table}");
    }
    assert!(!fs::read_to_string(&without.page).unwrap().contains("Payloads and logins"));
}

fn decided(by: &str, family: &'static str) -> Attribution {
    let label = Classification { name: family.into(), rule_id: format!("{family}/1").into(), confidence: 'B' };
    match by {
        "payload" => Attribution::ByPayload(label),
        "mark" => Attribution::ByFingerprint(label),
        _ => Attribution::Unattributed,
    }
}

/// A payload of 1 January 2019, at the telnet port.
pub(crate) fn payload(src: IpAddr, family: Attribution) -> PayloadRow {
    let FlowRow { interval_start, first_seen: first, .. } = row("", src, 1);
    PayloadRow {
        interval_start,
        time: first,
        src,
        src_port: 40_000,
        dst_port: 23,
        protocol: honeyxdp_archive::TCP,
        capture_mode: CaptureMode::Observed,
        exploit: None,
        family,
        url_host: None,
        url_path: None,
        url_file: None,
        username: None,
        password: None,
        length: 5,
        payload: b"hello".to_vec(),
        country: None,
        asn: None,
    }
}

/// An archive that is written by hand, with an account of 1 January.
fn archive(fill: impl Fn(&mut Writer)) -> (TempDir, Request) {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path().join("archive"));
    let mut writer = Writer::open(&archive, "sensor", 100).unwrap();
    fill(&mut writer);
    writer.account(AccountingRow { interval_start: row("", [0; 4].into(), 0).first_seen, ..AccountingRow::default() });
    writer.flush().unwrap();
    let asked = request(archive.root(), &directory.path().join("report"));
    (directory, asked)
}

/// What the SYNs of a source show, what its payloads tell and by what, and which kind it is.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);

#[test]
fn a_payload_goes_before_a_mark_and_of_two_payloads_one_goes_first() {
    let cases: &[Case] = &[
        ("other", &[], "unknown"),
        ("zmap", &[], "tool"),
        ("mirai", &[], "mirai"),
        ("other", &[("payload", "qbot")], "qbot"),
        ("mirai", &[("payload", "qbot")], "qbot"),
        ("zmap", &[("none", ""), ("payload", "mozi")], "mozi"),
        ("other", &[("mark", "mirai")], "unknown"),
        ("hajime", &[("mark", "mirai")], "hajime"),
        ("hajime", &[("payload", "mirai"), ("payload", "qbot")], "qbot"),
        ("other", &[("payload", "qbot"), ("payload", "mozi")], "mozi"),
        ("mirai", &[("payload", "mozi"), ("payload", "hajime"), ("payload", "mirai")], "hajime"),
        ("other", &[("payload", "zollard"), ("payload", "aidra")], "aidra"),
        ("other", &[("payload", "aidra"), ("payload", "mirai")], "mirai"),
    ];
    let v4 = |number: usize| IpAddr::from([198, 18, 0, u8::try_from(number).unwrap()]);
    let v6 = |number: usize| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::try_from(number).unwrap()]);
    let (_directory, asked) = archive(|writer| {
        for (number, (mark, payloads, _)) in cases.iter().enumerate() {
            for src in [v4(number), v6(number)] {
                writer.push(row(mark, src, 1)).unwrap();
                for (by, family) in *payloads {
                    writer.push_payload(payload(src, decided(by, family))).unwrap();
                }
            }
        }
        // Of the next day, and of who did not knock at the port.
        let tomorrow = payload(v4(0), decided("payload", "qbot"));
        writer.push_payload(PayloadRow { time: tomorrow.time + DAY, ..tomorrow }).unwrap();
        writer.push_payload(payload(v4(200), decided("payload", "qbot"))).unwrap();
    });
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, _, kind) in cases {
        *expected.entry(kind).or_default() += 2;
    }
    let rows: Rows = expected.iter().map(|(kind, count)| text_of(&[&"2019-01-01", &52869, kind, count, &0])).collect();
    let report = make(&asked).unwrap();
    compare(&report, "kinds", &rows);
    assert_eq!(report.days.0, 2, "a day that has payloads alone is a day");
    assert!(found(&report, "evidence").contains(&text_of(&[&"2019-01-02", &"qbot", &1])));
}

#[test]
fn days_of_a_time_zone_hold_every_payload_once() {
    let (_directory, mut asked) = archive(|writer| {
        for hours in 0..48 {
            let sent = payload(IpAddr::from([198, 18, 0, 1]), decided("payload", "qbot"));
            writer.push_payload(PayloadRow { time: sent.time + hours * DAY / 24, ..sent }).unwrap();
        }
        writer.push(row("other", IpAddr::from([198, 18, 0, 1]), 1)).unwrap();
    });
    for (zone, days) in [("UTC", 2), ("Asia/Tokyo", 3), ("America/Sao_Paulo", 3)] {
        asked.zone = TimeZone::get(zone).unwrap();
        asked.period = Some("2018-12-31..2019-01-03".parse().unwrap());
        let report = make(&asked).unwrap();
        assert_eq!(found(&report, "evidence").len(), days, "{zone}");
        compare(&report, "payloads", &Rows::from([text_of(&[&"-", &"qbot", &23, &48, &0, &48, &1])]));
    }
}

#[test]
fn passwords_are_told_only_where_that_is_asked_for() {
    const SECRET: &str = "correct-horse";
    let (_directory, mut asked) = archive(|writer| {
        let src = IpAddr::from([198, 18, 0, 1]);
        writer.push(row("other", src, 1)).unwrap();
        for (user, password) in [("root", Some(SECRET)), ("root", Some("")), ("admin", None)] {
            let (username, password) = (Some(user.to_owned()), password.map(str::to_owned));
            let login = payload(src, Attribution::Unattributed);
            writer.push_payload(PayloadRow { username, password, payload: vec![], ..login }).unwrap();
        }
    });
    let says_it = |asked: &Request| {
        let report = make(asked).unwrap();
        let files = fs::read_dir(&asked.out).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
        let found = files.filter(|bytes| String::from_utf8_lossy(bytes).contains(SECRET)).count();
        (found, fs::read_to_string(&report.page).unwrap(), report)
    };
    let (files, html, report) = says_it(&asked);
    assert_eq!(files, 0);
    assert!(html.contains("<td>********</td>") && html.contains("--show-passwords"));
    let rows: Vec<_> = named(&report, "logins").rows.iter().map(|row| row[0].clone()).collect();
    assert_eq!(rows.len(), 2, "who gave no password gave no pair");
    compare(&report, "payloads", &Rows::from([text_of(&[&"-", &"unknown", &23, &3, &3, &0, &1])]));

    asked.show_passwords = true;
    let (files, html, report) = says_it(&asked);
    assert_eq!(files, 3, "page, CSV and JSON");
    assert!(html.contains("<td>(empty)</td>") && !html.contains("********") && !html.contains("--show-passwords"));
    let pair = |password: &str| text_of(&[&"root", &password, &1, &0.5]);
    compare(&report, "logins", &Rows::from([pair(""), pair(SECRET)]));
}

#[test]
fn accounting_without_payload_capture_is_null() {
    let (_directory, asked) = archive(|writer| {
        writer.push(row("mirai", IpAddr::from([198, 18, 0, 1]), 1)).unwrap();
    });
    let report = make(&asked).unwrap();
    compare(&report, "losses", &Rows::from([text_of(&[&"sensor", &1, &0, &0, &0, &0, &0, &0, &"-", &"-"])]));
}
