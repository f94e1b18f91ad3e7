//! Countries and networks from MMDB files in the layouts that there are. The files are made here.

use std::{fs, net::Ipv4Addr, path::Path};

use honeyxdp_archive::{Geo, Place};

/// Values of the MaxMind DB format, version 2.0, as far as they are needed.
enum Value {
    Text(&'static str),
    U16(u16),
    U32(u32),
    U64(u64),
    Map(Vec<(&'static str, Value)>),
    None,
}
use Value::{Map, Text, U16, U32, U64};

fn size(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).unwrap()
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Text(text) => {
            assert!(text.len() < 29);
            out.push(2 << 5 | size(text.as_bytes()));
            out.extend(text.as_bytes());
        }
        U16(number) => {
            out.push(5 << 5 | 2);
            out.extend(number.to_be_bytes());
        }
        U32(number) => {
            out.push(6 << 5 | 4);
            out.extend(number.to_be_bytes());
        }
        U64(number) => {
            out.extend([8, 2]);
            out.extend(number.to_be_bytes());
        }
        Map(pairs) => {
            out.push(7 << 5 | u8::try_from(pairs.len()).unwrap());
            for (key, value) in pairs {
                encode(&Text(key), out);
                encode(value, out);
            }
        }
        // An empty array.
        Value::None => out.extend([0, 4]),
    }
}

/// An IPv4 database with these prefixes.
fn database(path: &Path, entries: Vec<(Ipv4Addr, u32, Value)>) {
    #[derive(Clone, Copy)]
    enum To {
        Nothing,
        Node(usize),
        Data(usize),
    }
    let mut nodes = vec![[To::Nothing; 2]];
    let mut data = Vec::new();
    for (address, length, value) in entries {
        let at = data.len();
        encode(&value, &mut data);
        let mut node = 0;
        for bit in 0..length {
            let side = usize::from(address.to_bits() << bit >> 31 == 1);
            if bit + 1 == length {
                nodes[node][side] = To::Data(at);
            } else if let To::Node(next) = nodes[node][side] {
                node = next;
            } else {
                nodes.push([To::Nothing; 2]);
                let next = nodes.len() - 1;
                nodes[node][side] = To::Node(next);
                node = next;
            }
        }
    }
    let count = nodes.len();
    let mut file = Vec::new();
    for to in nodes.iter().flatten() {
        let record = match to {
            To::Nothing => count,
            To::Node(node) => *node,
            To::Data(at) => count + 16 + at,
        };
        file.extend(&u32::try_from(record).unwrap().to_be_bytes()[1..]);
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = Map(vec![
        ("binary_format_major_version", U16(2)),
        ("binary_format_minor_version", U16(0)),
        ("build_epoch", U64(1_572_912_000)),
        ("database_type", Text("Test")),
        ("description", Map(Vec::new())),
        ("ip_version", U16(4)),
        ("languages", Value::None),
        ("node_count", U32(u32::try_from(count).unwrap())),
        ("record_size", U16(24)),
    ]);
    encode(&metadata, &mut file);
    // As an update does it.
    fs::write(path.with_extension("new"), file).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}

const NET: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 0);
const HOST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 77);

#[test]
fn every_layout_names_country_and_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mmdb");
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
        assert_eq!(geo.place(HOST.into()), Place { country, asn }, "{layout}");
        assert_eq!(geo.place(Ipv4Addr::new(198, 51, 101, 1).into()), Place::default(), "{layout}");
        assert_eq!(geo.place("2001:db8::1".parse().unwrap()), Place::default(), "{layout}");
    }
}

#[test]
fn a_file_that_changes_is_read_again_and_a_broken_one_leaves_the_old_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mmdb");
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
