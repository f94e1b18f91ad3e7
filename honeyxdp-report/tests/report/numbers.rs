//! Every number of every table is that of the truth.

use std::{fs, path::Path};

use honeyxdp_report::{
    period::Step,
    report::{Against, Profiles, Report, Request, Value},
};
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::{
    expected::{Rows, Year, number},
    make, named, request,
};

/// Seventy days of each of so many years, with a few thousand rows a year, and their truth.
pub(crate) fn years(years: u16) -> (TempDir, Json) {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_owned();
    let rows = 20_000 * u64::from(years);
    let wanted = honeyxdp_year::Request { out, rows, scale: Some(0.003), seed: 1, years, days: 70 };
    let truth = honeyxdp_year::make(&wanted).unwrap();
    (directory, truth)
}

/// A report of the ports and profiles that the truth knows.
pub(crate) fn whole(directory: &Path) -> Request {
    let profiles = directory.join("profiles.toml");
    let own = include_str!("../../../contrib/profiles.toml");
    let anybody = "[[profile]]\nname = \"anybody\"\nports = [23, 80, 52869]\nat_least = 2\n";
    fs::write(&profiles, format!("{own}\n{anybody}")).unwrap();
    let mut asked = request(&directory.join("archive"), &directory.join("report"));
    asked.period = Some("2019".parse().unwrap());
    asked.ports = vec![23, 52869];
    asked.profiles = Profiles::read(&profiles).unwrap();
    asked.show_passwords = true;
    asked
}

/// The rows of a table.
pub(crate) fn found(report: &Report, name: &str) -> Rows {
    let text = |value: &Value| match value {
        Value::None => "-".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.clone(),
    };
    let table = named(report, name);
    let rows: Rows = table.rows.iter().map(|row| row.iter().map(text).collect()).collect();
    assert_eq!(rows.len(), table.rows.len(), "{name} has no row twice");
    rows
}

/// Says which rows are wrong, and not all that are right.
pub(crate) fn compare(report: &Report, name: &str, expected: &Rows) {
    let found = found(report, name);
    let first = |rows: Vec<&Vec<String>>| rows.into_iter().take(5).cloned().collect::<Vec<_>>();
    let (more, missing) = (first(found.difference(expected).collect()), first(expected.difference(&found).collect()));
    assert!(more.is_empty() && missing.is_empty(), "{name}: not true {more:?}, missing {missing:?}");
    assert!(!expected.is_empty(), "nothing is known of {name}");
}

#[test]
fn every_number_is_the_truth_with_buckets_of_every_length() {
    let (directory, truth) = years(1);
    let year = Year::of(&truth, "2019");
    let mut asked = whole(directory.path());
    asked.rollups = Some(directory.path().join("rollups"));
    for (number, step) in [Step::Day, Step::Week, Step::Month, Step::Year].into_iter().enumerate() {
        asked.bucket = step;
        let report = make(&asked).unwrap();
        assert_eq!(report.days, (70, if number == 0 { 0 } else { 70 }), "they are rolled up once");
        for (name, expected) in year.tables(step) {
            compare(&report, name, &expected);
        }
    }
    for name in ["report.html", "figure-1.svg", "figure-7-52869-home.svg", "totals.csv", "rules.json"] {
        assert!(asked.out.join(name).exists(), "{name}");
    }
    let is_hidden = |file: fs::DirEntry| file.file_name().as_encoded_bytes().starts_with(b".");
    assert!(!fs::read_dir(&asked.out).unwrap().any(|file| is_hidden(file.unwrap())));
}

#[test]
fn days_of_a_time_zone_hold_every_row_once() {
    let (directory, truth) = years(1);
    let mut asked = whole(directory.path());
    asked.zone = TimeZone::get("Asia/Tokyo").unwrap();
    asked.period = Some("2019-01-01..2019-03-12".parse().unwrap());
    let report = make(&asked).unwrap();
    let table = named(&report, "totals");
    let flows = table.columns.iter().position(|column| column == "flows").unwrap();
    let flows = |row: &Vec<Value>| if let Value::Integer(flows) = row[flows] { flows.unsigned_abs() } else { 0 };
    let all: u64 = table.rows.iter().map(flows).sum();
    assert_eq!(all, number(&truth["rows"]), "the first nine hours are on 1 January there, and the last on 12 March");
    let tokyo = found(&report, "packets_by_port");
    asked.zone = TimeZone::UTC;
    assert_ne!(tokyo, found(&make(&asked).unwrap(), "packets_by_port"));
}

#[test]
fn a_year_is_set_beside_another_one() {
    let (directory, truth) = years(2);
    let (now, before) = (Year::of(&truth, "2019"), Year::of(&truth, "2018"));
    let stayed = &now.0["stayed"];
    assert!(number(&stayed["mirai"]) > 0, "some are there in both");
    let mut asked = whole(directory.path());
    asked.rollups = Some(directory.path().join("rollups"));
    let compare_all = |report: &Report, now: Year<'_>, before: Year<'_>| {
        for (name, expected) in now.tables(Step::Day) {
            compare(report, name, &expected);
        }
        let expected = now.against(before, stayed);
        compare(report, "against", &expected["against"]);
        compare(report, "against_countries", &expected["against_countries"]);
        assert_eq!(found(report, "new_ports"), expected["new_ports"]);
        expected["new_ports"].len()
    };
    let period = |text: &str| text.parse().unwrap();

    let report = make(&asked).unwrap();
    assert_eq!(report.against, Some((period("2018"), 70)), "the archive has it");
    assert!(compare_all(&report, now, before) >= 2, "some ports are new");
    assert!(found(&report, "new_ports").iter().any(|row| row[4] == "-"), "and one was not there at all");

    asked.period = Some(period("2018"));
    asked.against = Against::Period(period("2019"));
    let report = make(&asked).unwrap();
    compare_all(&report, before, now);
    assert!(report.warnings.is_empty() && report.days == (70, 70));
    assert!(found(&report, "against").iter().any(|row| row[0] == "nmap" && row[1] == "0"), "nobody any more");

    let tables = |report: &Report| report.tables.iter().filter(|table| table.name.starts_with("against")).count();
    asked.against = Against::Before;
    let report = make(&asked).unwrap();
    assert_eq!((report.against, tables(&report), report.warnings.len()), (None, 0, 0), "2017 was not asked for");

    asked.against = Against::Period(period("2017"));
    let report = make(&asked).unwrap();
    assert_eq!((report.against, tables(&report)), (None, 0));
    assert!(report.warnings[0].contains("2017"), "{:?}", report.warnings);

    asked.period = Some(period("2019"));
    asked.against = Against::Nothing;
    let report = make(&asked).unwrap();
    assert_eq!((report.against, tables(&report), report.warnings.len()), (None, 0, 0));
    assert!(!asked.out.join("against.csv").exists(), "one of the report before would be taken for its own");
}
