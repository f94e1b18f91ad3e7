//! Countries and networks from files that are given with the report, in the place of those of the archive.

use std::{
    fs,
    net::{IpAddr, Ipv6Addr},
    path::Path,
};

use honeyxdp_archive::{Archive, Writer};
use honeyxdp_report::report::Request;
use tempfile::TempDir;

use crate::{
    make,
    mmdb::{
        Value::{self, Map, Text, U32},
        database,
    },
    numbers::{compare, found},
    request, row,
};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Two SYNs each of Mirai and Hajime by ten sources: five of each half of a prefix, of IPv4 and IPv6. The archive says that all
/// are in the United States.
fn archive() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(&Archive::new(directory.path().join("archive")), "sensor", 100).unwrap();
    for family in ["mirai", "hajime"] {
        for number in 0..5_u16 {
            let v6 = |half| Ipv6Addr::new(0x2001, 0xdb8, half, number, 0, 0, 0, 1).into();
            let v4 = |half: u8| IpAddr::from([198, 18, 0, half + u8::try_from(number).unwrap()]);
            for src in [v4(0), v4(128), v6(0), v6(0x8000)] {
                let row = row(family, src, 2);
                writer.push(honeyxdp_archive::FlowRow { country: Some(*b"US"), asn: Some(64_496), ..row }).unwrap();
            }
        }
    }
    writer.account(honeyxdp_archive::AccountingRow {
        interval_start: row("mirai", [0; 4].into(), 0).first_seen,
        ..Default::default()
    });
    writer.flush().unwrap();
    directory
}

/// A file that knows the lower half of both prefixes.
fn halves(path: &Path, value: impl Fn() -> Value) {
    database(path, vec![(address("198.18.0.0"), 25, value()), (address("2001:db8::"), 33, value())]);
}

fn check(asked: &Request, rows: &[(&str, &[&[&str]])]) {
    let report = make(asked).unwrap();
    for (table, expected) in rows {
        let texts = |row: &&[&str]| row.iter().map(ToString::to_string).collect();
        compare(&report, table, &expected.iter().map(texts).collect());
    }
}

#[test]
fn countries_follow_a_file_of_every_layout() {
    let directory = archive();
    let path = directory.path().join("country.mmdb");
    let mut asked = request(&directory.path().join("archive"), &directory.path().join("report"));
    asked.geo.country = Some(path.clone());
    let layouts: [fn() -> Value; 3] = [
        || Map(vec![("country", Map(vec![("geoname_id", U32(1_861_060)), ("iso_code", Text("JP"))]))]),
        || Map(vec![("country_code", Text("jp"))]),
        || Map(vec![("country", Text("JP"))]),
    ];
    for layout in layouts {
        halves(&path, layout);
        check(
            &asked,
            &[
                // Figures 3 and 6. Those that the file does not know have no country, whatever the archive says.
                (
                    "sources_by_country",
                    &[
                        &["2019-01-01", "mirai", "JP", "10"],
                        &["2019-01-01", "mirai", "-", "10"],
                        &["2019-01-01", "hajime", "JP", "10"],
                        &["2019-01-01", "hajime", "-", "10"],
                    ],
                ),
                // IPv6 and IPv4 alike.
                (
                    "sources",
                    &[
                        &["2019-01-01", "mirai", "20", "10", "10", "20"],
                        &["2019-01-01", "hajime", "20", "10", "10", "20"],
                    ],
                ),
                ("kinds", &[&["2019-01-01", "52869", "mirai", "20", "10"]]),
                // Networks are still those of the archive.
                (
                    "networks",
                    &[
                        &["world", "mirai", "1", "64496", "20", "40"],
                        &["home", "mirai", "1", "64496", "10", "20"],
                        &["world", "hajime", "1", "64496", "20", "40"],
                        &["home", "hajime", "1", "64496", "10", "20"],
                    ],
                ),
            ],
        );
        let figure = fs::read_to_string(asked.out.join("figure-3.svg")).unwrap();
        assert!(figure.contains("JP") && !figure.contains("US"));
    }
}

#[test]
fn networks_follow_a_file_of_every_layout() {
    let directory = archive();
    let path = directory.path().join("asn.mmdb");
    let mut asked = request(&directory.path().join("archive"), &directory.path().join("report"));
    asked.home = "US".into();
    asked.geo.asn = Some(path.clone());
    let layouts: [fn() -> Value; 3] = [
        || Map(vec![("autonomous_system_number", U32(64_500))]),
        || Map(vec![("asn", U32(64_500))]),
        || Map(vec![("asn", Text("AS64500"))]),
    ];
    for layout in layouts {
        halves(&path, layout);
        check(
            &asked,
            &[
                (
                    "networks",
                    &[
                        &["world", "mirai", "1", "64500", "10", "20"],
                        &["home", "mirai", "1", "64500", "10", "20"],
                        &["world", "hajime", "1", "64500", "10", "20"],
                        &["home", "hajime", "1", "64500", "10", "20"],
                    ],
                ),
                ("countries", &[&["mirai", "US", "20", "40"], &["hajime", "US", "20", "40"]]),
            ],
        );
    }
}

#[test]
fn kept_rollups_are_those_of_the_file() {
    let directory = archive();
    let [jp, br] = ["JP", "BR"].map(|code| {
        let path = directory.path().join(code);
        halves(&path, || Map(vec![("country_code", Text(code))]));
        path
    });
    let used = directory.path().join("country.mmdb");
    let mut asked = request(&directory.path().join("archive"), &directory.path().join("report"));
    asked.rollups = Some(directory.path().join("rollups"));
    let countries = |asked: &Request| {
        let report = make(asked).unwrap();
        let rows = found(&report, "countries").into_iter();
        (report.days.1, rows.filter(|row| row[0] == "mirai").map(|row| row[1].clone()).collect::<Vec<_>>())
    };
    assert_eq!(countries(&asked), (0, vec!["US".into()]));
    asked.geo.country = Some(used.clone());
    // As an update does it, and as it is done by hand; both files have the same length.
    fs::rename(&jp, &used).unwrap();
    assert_eq!(countries(&asked), (0, vec!["-".into(), "JP".into()]));
    assert_eq!(countries(&asked), (1, vec!["-".into(), "JP".into()]), "the same file");
    fs::write(&used, fs::read(&br).unwrap()).unwrap();
    assert_eq!(countries(&asked), (0, vec!["-".into(), "BR".into()]));
    asked.geo.country = None;
    assert_eq!(countries(&asked), (1, vec!["US".into()]));
}

#[test]
fn what_is_no_database_is_said_in_one_sentence() {
    let directory = archive();
    let path = directory.path().join("country.mmdb");
    let mut asked = request(&directory.path().join("archive"), &directory.path().join("report"));
    let error = |asked: &Request| format!("{:#}", make(asked).unwrap_err());
    for wrong in [b"this is no database".as_slice(), b"", &[0; 4096]] {
        fs::write(&path, wrong).unwrap();
        for file in [&mut asked.geo.country, &mut asked.geo.asn] {
            *file = Some(path.clone());
        }
        let said = error(&asked);
        assert!(said.contains("country.mmdb") && said.contains("no MMDB file") && !said.contains('\n'), "{said}");
    }
    fs::remove_file(&path).unwrap();
    let said = error(&asked);
    assert!(said.contains("country.mmdb") && said.contains("No such file"), "{said}");
}
