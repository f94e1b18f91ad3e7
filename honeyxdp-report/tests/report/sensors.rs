//! Several sensors: all of them together, some of them, and beside each other.

use std::{collections::BTreeSet, net::IpAddr};

use honeyxdp_report::report::Value;

use super::*;

const SENSORS: [(&str, Option<&str>); 4] =
    [("oslo", None), ("o'saka", Some("lab")), ("tokyo-1", Some("darknet")), ("tokyo-2", Some("darknet"))];

/// The sources of a sensor on two days: every one shares some with the next, and two of IPv6 with all.
fn sources(which: u8) -> Vec<IpAddr> {
    let v4 = (0..30).map(|number| IpAddr::from([198, 18, 1, 20 * which + number]));
    let v6 = (0..2).map(|number| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, number]));
    v4.chain(v6).collect()
}

fn fleet() -> (TempDir, Request) {
    const DAY: i64 = 86_400_000;
    let directory = tempfile::tempdir().unwrap();
    let archive = directory.path().join("archive");
    for (which, (sensor, site)) in (0..).zip(SENSORS) {
        let mut writer = Writer::open(&Archive::new(&archive), sensor, 1_000).unwrap();
        writer.at_site(site);
        for (number, src) in (0..).zip(sources(which)) {
            for day in 0..=i64::from(number % 3 == 0) {
                let row = row("mirai", src, 2);
                let first = row.first_seen + day * DAY;
                writer
                    .push(FlowRow {
                        interval_start: first,
                        interval_end: first,
                        first_seen: first,
                        last_seen: first,
                        ..row
                    })
                    .unwrap();
            }
        }
        writer.account(honeyxdp_archive::AccountingRow {
            interval_start: row("", [0; 4].into(), 0).first_seen,
            ..Default::default()
        });
        writer.flush().unwrap();
    }
    let asked = request(&archive, &directory.path().join("report"));
    (directory, asked)
}

/// Unique sources in the whole report.
fn unique(report: &Report) -> u64 {
    number(named(report, "totals"), "sources", 0)
}

fn value<'a>(table: &'a Table, column: &str, row: usize) -> &'a Value {
    &table.rows[row][table.columns.iter().position(|name| name == column).unwrap()]
}

fn number(table: &Table, column: &str, row: usize) -> u64 {
    match value(table, column, row) {
        Value::Integer(number) => u64::try_from(*number).unwrap(),
        other => panic!("{column}: {other:?}"),
    }
}

fn saw(which: impl IntoIterator<Item = u8>) -> BTreeSet<IpAddr> {
    which.into_iter().flat_map(sources).collect()
}

#[test]
fn sources_of_several_sensors_are_not_a_sum() {
    let (_directory, asked) = fleet();
    let all = make(&asked).unwrap();
    assert_eq!(unique(&all), saw(0..4).len() as u64);
    assert!(all.tables.iter().all(|table| table.name != "sensors"), "nobody asked");
    let mut some = asked.clone();
    some.scope.sites = vec!["darknet".into()];
    let darknet = make(&some).unwrap();
    assert_eq!(unique(&darknet), saw(2..4).len() as u64);
    assert_eq!(named(&darknet, "losses").rows.len(), 2);
    some.scope.sensors = vec!["tokyo-2".into(), "oslo".into()];
    assert_eq!(unique(&make(&some).unwrap()), sources(3).len() as u64, "of these two only one is there");
    some.scope.sites.clear();
    assert_eq!(unique(&make(&some).unwrap()), saw([0, 3]).len() as u64);
    some.scope.sensors = vec!["o'saka".into()];
    assert_eq!(unique(&make(&some).unwrap()), sources(1).len() as u64);
}

#[test]
fn sensors_are_set_beside_each_other() {
    let (_directory, mut asked) = fleet();
    asked.by_sensor = true;
    let report = make(&asked).unwrap();
    let table = named(&report, "sensors");
    let order = [1_u8, 0, 2, 3];
    assert_eq!(table.rows.len(), order.len());
    for (at, which) in order.into_iter().enumerate() {
        let (name, place) = SENSORS[usize::from(which)];
        assert_eq!(*value(table, "sensor", at), Value::Text(name.into()));
        assert_eq!(*value(table, "site", at), place.map_or(Value::None, |place| Value::Text(place.into())));
        let own = saw([which]);
        let others = saw((0..4).filter(|other| *other != which));
        assert_eq!(number(table, "sources", at), own.len() as u64, "{name}");
        assert_eq!(number(table, "alone", at), own.difference(&others).count() as u64, "{name}");
        assert_eq!(number(table, "packets", at), 2 * (32 + 11), "{name}: every third one came on two days");
    }
    let page = fs::read_to_string(&report.page).unwrap();
    assert!(page.contains("seen by it alone") && page.contains("darknet"));
    // The next report into the same directory has none.
    asked.by_sensor = false;
    make(&asked).unwrap();
    assert!(!asked.out.join("sensors.csv").exists());
}

#[test]
fn roll_ups_of_some_sensors_are_not_those_of_all() {
    let (directory, mut asked) = fleet();
    asked.rollups = Some(directory.path().join("rollups"));
    let all = unique(&make(&asked).unwrap());
    asked.scope.sites = vec!["lab".into()];
    let lab = make(&asked).unwrap();
    assert_eq!((unique(&lab), lab.days), (sources(1).len() as u64, (2, 0)));
    assert_eq!(make(&asked).unwrap().days, (2, 2));
    asked.scope.sites.clear();
    let again = make(&asked).unwrap();
    assert_eq!((unique(&again), again.days), (all, (2, 2)));
}
