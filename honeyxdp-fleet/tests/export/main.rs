//! Exports of archives: what is in them, and what must not be.

mod command;
mod crafted;
mod search;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use arrow_array::{Array as _, cast::AsArray as _, types::UInt32Type};
use honeyxdp_archive::{Archive, FlowRow, MOST_PAYLOAD, Reader, Table, Writer};
use honeyxdp_fleet::export::{COMPLETE, Exported, Key, Options, export};
use parquet::file::{
    metadata::RowGroupMetaData,
    reader::{FileReader as _, SerializedFileReader},
};
use tempfile::tempdir;

use crafted::{SENSOR, SENSOR_V6, SOURCE_V6, SOURCES, START, payload, row, spellings};
use search::{Wanted, entries};

fn options() -> Options {
    Options { key: Some(Key::from([5; 32])), truncate: false, places: true, logins: true, urls: true, own: Vec::new() }
}

fn run(from: &Path, to: &Path, options: &Options) -> Exported {
    export(from, to, options, |_, _| ()).unwrap()
}

fn texts(directory: &Path, column: &str) -> Vec<Option<String>> {
    let mut texts = Vec::new();
    for entry in entries(directory).into_iter().filter(|entry| entry.table == Table::Payloads) {
        for batch in Reader::open(&entry).unwrap().batches(1000).unwrap() {
            let batch = batch.unwrap();
            let column = batch.column_by_name(column).unwrap().as_string::<i32>();
            texts.extend(column.iter().map(|text| text.map(str::to_owned)));
        }
    }
    texts
}

fn sources(directory: &Path, table: Table) -> Vec<IpAddr> {
    let mut sources = Vec::new();
    for entry in entries(directory).into_iter().filter(|entry| entry.table == table) {
        for batch in Reader::open(&entry).unwrap().batches(1000).unwrap() {
            let batch = batch.unwrap();
            let v4 = batch.column_by_name("src").unwrap().as_primitive::<UInt32Type>();
            let v6 = batch.column_by_name("src6").unwrap().as_fixed_size_binary();
            sources.extend((0..batch.num_rows()).map(|row| match v4.is_valid(row) {
                true => IpAddr::V4(Ipv4Addr::from_bits(v4.value(row))),
                false => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(v6.value(row)).unwrap())),
            }));
        }
    }
    sources
}

/// The sensor's addresses and name.
fn sensor() -> Wanted {
    let mut wanted = Wanted::default();
    wanted.v4(SENSOR);
    wanted.v6(SENSOR_V6);
    wanted.text("tokyo");
    wanted
}

fn real_sources() -> Wanted {
    let mut wanted = Wanted::default();
    SOURCES.into_iter().for_each(|source| wanted.v4(source));
    wanted.v6(SOURCE_V6);
    wanted
}

#[test]
fn no_byte_of_a_pseudonymised_copy_has_the_sensor_or_a_source() {
    let directory = tempdir().unwrap();
    let (from, to) = (directory.path().join("archive"), directory.path().join("copy"));
    let payloads = crafted::archive(&from);
    // The search finds what is there, in every column that has it.
    let there = sensor().found_in(&from).join("\n");
    for place in [
        "flows seq_first",
        "flows seq_last",
        "flows sensor",
        "payloads url_host",
        "payloads url_path",
        "payloads url_file",
        "payloads username",
        "payloads password",
        "payloads payload",
        "accounting sensor",
        "name of flows",
        "pages of payloads",
    ] {
        assert!(there.contains(place), "{place} is not in {there}");
    }
    let there = real_sources().found_in(&from).join("\n");
    for place in ["flows src:", "flows src6", "payloads src:", "payloads src6", "payloads url_host"] {
        assert!(there.contains(place), "{place} is not in {there}");
    }

    for truncate in [false, true] {
        let to = to.with_extension(truncate.to_string());
        let exported = run(&from, &to, &Options { truncate, ..options() });
        assert_eq!(sensor().found_in(&to), [""; 0]);
        assert_eq!(real_sources().found_in(&to), [""; 0]);
        assert_eq!(exported.tables["payloads"].rows, payloads as u64);
        let spellings = spellings().len();
        assert_eq!(exported.left_out.payloads, 2 * spellings);
        assert_eq!(exported.left_out.url_hosts, spellings);
        assert_eq!((exported.left_out.url_paths, exported.left_out.url_files), (spellings, spellings));
        assert_eq!((exported.left_out.usernames, exported.left_out.passwords), (spellings, spellings));
    }
}

#[test]
fn without_a_key_the_sensor_is_not_there_either() {
    let directory = tempdir().unwrap();
    let from = directory.path().join("archive");
    crafted::archive(&from);
    // A forged source, and a URL that leads to the sensor.
    let mut writer = Writer::open(&Archive::new(&from), "other", 10).unwrap();
    writer.push(row(SENSOR, START)).unwrap();
    writer.push(row(SENSOR_V6, START)).unwrap();
    let mut own = payload(SENSOR, START);
    own.url_host = Some(SENSOR.to_bits().to_string());
    writer.push_payload(own).unwrap();
    writer.flush().unwrap();
    drop(writer);
    let own = vec!["198.18.0.0/24".parse().unwrap(), "2001:db8:77::7/128".parse().unwrap()];
    for (truncate, name) in [(false, "real"), (true, "networks")] {
        let to = directory.path().join(name);
        let exported = run(&from, &to, &Options { key: None, truncate, own: own.clone(), ..options() });
        let mut wanted = Wanted::default();
        wanted.v4(SENSOR);
        wanted.v6(SENSOR_V6);
        assert_eq!(wanted.found_in(&to), [""; 0], "{name}");
        assert_eq!((exported.sensors, exported.sensors_renamed), (2, 1));
        assert_eq!(real_sources().found_in(&to).is_empty(), truncate, "{name}");
        let hosts = texts(&to, "url_host");
        let dropper = if truncate { "203.0.113.0" } else { "203.0.113.77" };
        assert!(hosts.contains(&Some(dropper.to_owned())), "{hosts:?}");
    }
}

#[test]
fn a_copy_is_an_archive_in_which_sources_can_be_counted_and_joined() {
    let directory = tempdir().unwrap();
    let (from, to, again) =
        (directory.path().join("archive"), directory.path().join("copy"), directory.path().join("again"));
    crafted::archive(&from);
    run(&from, &to, &options());
    run(&from, &again, &options());
    let before = honeyxdp_archive::check(&Archive::new(&from)).unwrap();
    let after = honeyxdp_archive::check(&Archive::new(&to)).unwrap();
    assert_eq!((&after.problems, &before.problems), (&vec![], &vec![]));
    assert_eq!((after.rows, after.packets, after.payloads), (before.rows, before.packets, before.payloads));
    assert_eq!((after.files, after.intervals, after.syns), (before.files, before.intervals, before.syns));
    let count = |directory: &Path, table| {
        let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
        sources(directory, table).into_iter().for_each(|source| *counts.entry(source).or_default() += 1);
        let mut numbers: Vec<usize> = counts.values().copied().collect();
        numbers.sort_unstable();
        (numbers, counts.into_keys().collect::<BTreeSet<_>>())
    };
    for table in [Table::Flows, Table::Payloads] {
        assert_eq!(count(&from, table).0, count(&to, table).0);
        // The same pseudonyms by the same key.
        assert_eq!(count(&to, table), count(&again, table));
    }
    assert!(count(&to, Table::Payloads).1.is_subset(&count(&to, Table::Flows).1));
    let (hosts, flows) = (texts(&to, "url_host"), count(&to, Table::Flows).1);
    let droppers: BTreeSet<IpAddr> = hosts.iter().flatten().filter_map(|host| host.parse().ok()).collect();
    assert!(droppers.len() == 3 && droppers.is_subset(&flows), "{droppers:?}");
    assert!(hosts.contains(&Some("cnc.example.net".to_owned())));
    for (column, kept) in [("url_path", "/bins/x86_64"), ("url_file", "Mozi.m"), ("password", "123456789")] {
        assert!(texts(&to, column).contains(&Some(kept.to_owned())), "{column}");
    }
    // What is asked for is left out whole.
    let less = directory.path().join("less");
    run(&from, &less, &Options { places: false, logins: false, urls: false, ..options() });
    for column in ["url_host", "url_path", "url_file", "username", "password"] {
        assert!(texts(&less, column).iter().all(Option::is_none), "{column}");
    }
    for entry in entries(&less).into_iter().filter(|entry| entry.table != Table::Accounting) {
        for batch in Reader::open(&entry).unwrap().batches(1000).unwrap() {
            let batch = batch.unwrap();
            for column in ["country", "asn"] {
                assert_eq!(batch.column_by_name(column).unwrap().null_count(), batch.num_rows());
            }
        }
    }
}

#[test]
fn footers_and_the_last_file_say_what_was_done_and_not_by_which_key() {
    let directory = tempdir().unwrap();
    let (from, to) = (directory.path().join("archive"), directory.path().join("copy"));
    crafted::archive(&from);
    let exported = run(&from, &to, &options());
    let said: serde_json::Value = serde_json::from_slice(&fs::read(to.join(COMPLETE)).unwrap()).unwrap();
    assert_eq!(said, serde_json::to_value(&exported).unwrap());
    assert_eq!((&said["sources"], &said["version"]), (&"pseudonymised".into(), &1.into()));
    assert_eq!(said["key"], Key::from([5; 32]).id());
    assert_eq!(said["tables"]["flows"]["rows"], 12);
    for entry in entries(&to) {
        let reader = Reader::open(&entry).unwrap();
        let pairs = reader.footer().file_metadata().key_value_metadata().unwrap();
        let keys: Vec<&str> = pairs.iter().map(|pair| pair.key.as_str()).collect();
        assert!(keys.contains(&"honeyxdp.export") && keys.contains(&"honeyxdp.schema"), "{keys:?}");
        assert!(!keys.contains(&"honeyxdp.merged") && !keys.contains(&"honeyxdp.checkpoint"), "{keys:?}");
        assert!(entry.name.sensor.starts_with("sensor_"), "{}", entry.name);
    }
    let mut key = Wanted::default();
    key.text(&"05".repeat(8));
    key.text("\u{5}\u{5}\u{5}\u{5}\u{5}\u{5}\u{5}\u{5}");
    assert_eq!(key.found_in(&to), [""; 0]);
}

#[test]
fn the_order_of_rows_does_not_tell_the_order_of_sources() {
    let directory = tempdir().unwrap();
    let (from, to) = (directory.path().join("archive"), directory.path().join("copy"));
    let mut writer = Writer::open(&Archive::new(&from), "a", 1000).unwrap();
    for n in 0..200_u8 {
        // Of one network and one time: the row's number is in the packets.
        writer.push(FlowRow { packets: u32::from(n) + 1, ..row(Ipv4Addr::new(203, 0, 113, n), START) }).unwrap();
    }
    writer.flush().unwrap();
    drop(writer);
    for (key, truncate) in [(None, true), (options().key, true), (options().key, false)] {
        let to = to.with_extension(format!("{}{truncate}", key.is_some()));
        run(&from, &to, &Options { key, truncate, ..options() });
        let batch = Reader::open(&entries(&to)[0]).unwrap().batches(1000).unwrap().next().unwrap().unwrap();
        let packets = batch.column_by_name("packets").unwrap().as_primitive::<UInt32Type>().values().to_vec();
        let ascending = packets.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((60..140).contains(&ascending), "{ascending} of 199 neighbours are in the order of their sources");
        let sources = sources(&to, Table::Flows);
        assert!(sources.is_sorted(), "{sources:?}");
    }
}

/// Writes so many payloads into one file, of as many sources; the bytes of one of them are kept.
fn large(directory: &Path, rows: u32) {
    let mut writer = Writer::open(&Archive::new(directory), "a", 10).unwrap();
    writer.bound_payloads(1 << 30);
    for n in 0..rows {
        let mut row = payload(Ipv4Addr::from_bits(0x0b00_0000 + n), START + i64::from(n % 1000));
        row.payload = vec![b'x'; usize::from(n == 7) * MOST_PAYLOAD];
        writer.push_payload(row).unwrap();
    }
    writer.flush().unwrap();
}

#[test]
fn a_file_of_many_row_groups_is_dealt_out_and_nothing_is_lost() {
    let directory = tempdir().unwrap();
    let (from, to) = (directory.path().join("archive"), directory.path().join("copy"));
    let rows = 150_000;
    large(&from, rows);
    let exported = run(&from, &to, &options());
    assert_eq!((exported.tables["payloads"].rows, exported.left_out.payloads), (u64::from(rows), 1));
    assert_eq!(sources(&to, Table::Payloads).into_iter().collect::<BTreeSet<_>>().len(), rows as usize);
    let path = &entries(&to)[0].path;
    let groups = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let groups: Vec<i64> = groups.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
    assert!(groups.len() == 3 && groups.iter().all(|rows| (40_000..=65_536).contains(rows)), "{groups:?}");
}
