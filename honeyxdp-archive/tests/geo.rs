//! Countries and networks from MMDB files in the layouts that there are. The files are made here.

mod mmdb;

use std::{fs, net::Ipv4Addr};

use honeyxdp_archive::{Geo, Location};
use mmdb::{
    Value::{Map, Text, U32},
    database,
};

const NET: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 0);
const HOST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 77);

#[test]
fn every_layout_names_country_and_network() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.mmdb");
    let maxmind = || {
        Map(vec![("geoname_id", U32(1_861_060)), ("iso_code", Text("JP")), ("names", Map(vec![("en", Text("Japan"))]))])
    };
    let layouts = [
        ("MaxMind country", (Map(vec![("country", maxmind()), ("registered_country", maxmind())]), Some(*b"JP"), None)),
        ("MaxMind, registered only", (Map(vec![("registered_country", maxmind())]), Some(*b"JP"), None)),
        ("DB-IP country", (Map(vec![("country", Map(vec![("iso_code", Text("BR"))]))]), Some(*b"BR"), None)),
        ("flat", (Map(vec![("country_code", Text("de"))]), Some(*b"DE"), None)),
        (
            "flat, by name of field",
            (Map(vec![("country", Text("US")), ("asn", Text("AS64496"))]), Some(*b"US"), Some(64_496)),
        ),
        (
            "MaxMind network",
            (Map(vec![("autonomous_system_number", U32(64_500)), ("organization", Text("x"))]), None, Some(64_500)),
        ),
        ("flat network", (Map(vec![("asn", U32(64_501))]), None, Some(64_501))),
        ("not a code", (Map(vec![("country_code", Text("<b>"))]), None, None)),
        ("something else", (Text("JP"), None, None)),
    ];
    for (layout, (value, country, asn)) in layouts {
        database(&path, vec![(NET, 24, value)]);
        let geo = Geo::open(Some(&path), Some(&path)).unwrap();
        assert_eq!(geo.place(HOST.into()), Location { country, asn }, "{layout}");
        assert_eq!(geo.place(Ipv4Addr::new(198, 51, 101, 1).into()), Location::default(), "{layout}");
        assert_eq!(geo.place("2001:db8::1".parse().unwrap()), Location::default(), "{layout}");
    }
}

#[test]
fn a_file_that_changes_is_read_again_and_a_broken_one_leaves_the_old_in_force() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.mmdb");
    let code = |text| Map(vec![("country_code", Text(text))]);
    database(&path, vec![(NET, 24, code("JP"))]);
    let mut geo = Geo::open(Some(&path), None).unwrap();
    assert!(!geo.refresh().unwrap());

    database(&path, vec![(NET, 24, code("BR"))]);
    assert!(geo.refresh().unwrap());
    assert_eq!(geo.place(HOST.into()).country, Some(*b"BR"));

    fs::write(&path, "this is no database").unwrap();
    assert!(geo.refresh().unwrap_err().to_string().contains("no MMDB file"));
    assert!(!geo.refresh().unwrap(), "it is said once");
    assert_eq!(geo.place(HOST.into()).country, Some(*b"BR"));
    assert!(Geo::open(Some(&path), None).is_err());
}
