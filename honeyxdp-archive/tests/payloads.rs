//! Payloads: every column is read as it was written, and memory is bounded.

mod sample;

use std::{fs, net::IpAddr};

use arrow_array::{
    Array as _, RecordBatch, StringArray,
    cast::AsArray as _,
    types::{Int32Type, TimestampMillisecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type},
};
use honeyxdp_archive::{
    AccountingRow, Archive, Attribution, Entry, MOST_PAYLOAD, PayloadRow, Reader, Table, Writer, check, compact,
};
use jiff::{SignedDuration, Timestamp};
use sample::{payload, row};

/// 2019-11-05T23:59:59.900Z.
const START: i64 = 1_572_998_399_900;

fn files(archive: &Archive, table: Table) -> Vec<Entry> {
    archive.dates(table).unwrap().into_iter().flat_map(|date| archive.files(table, date).unwrap()).collect()
}

fn batches(archive: &Archive, table: Table) -> Vec<RecordBatch> {
    files(archive, table)
        .iter()
        .flat_map(|file| Reader::open(file).unwrap().batches(1 << 15).unwrap().map(Result::unwrap))
        .collect()
}

/// A row as its columns say it, each as text; nothing where it is null.
fn written(batch: &RecordBatch, row: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for (column, field) in batch.columns().iter().zip(batch.schema().fields()) {
        let name = field.name();
        let text = match name.as_str() {
            _ if column.is_null(row) => String::new(),
            "interval_start" | "time" => column.as_primitive::<TimestampMillisecondType>().value(row).to_string(),
            "src" => IpAddr::from(column.as_primitive::<UInt32Type>().value(row).to_be_bytes()).to_string(),
            "src6" => {
                let bytes: [u8; 16] = column.as_fixed_size_binary().value(row).try_into().unwrap();
                IpAddr::from(bytes).to_string()
            }
            "src_port" | "dst_port" => column.as_primitive::<UInt16Type>().value(row).to_string(),
            "protocol" => column.as_primitive::<UInt8Type>().value(row).to_string(),
            "length" | "asn" => column.as_primitive::<UInt32Type>().value(row).to_string(),
            "payload" => format!("{:?}", column.as_binary::<i32>().value(row)),
            "url_host" | "url_path" | "url_file" | "username" | "password" => {
                column.as_string::<i32>().value(row).to_owned()
            }
            _ => {
                let column = column.as_dictionary::<Int32Type>();
                column.values().as_string::<i32>().value(column.key(row).unwrap()).to_owned()
            }
        };
        texts.push(format!("{name}={text}"));
    }
    texts
}

/// The same of a payload that was pushed.
fn pushed(row: &PayloadRow) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let exploit = row.exploit.as_ref();
    let family = row.family.classification();
    let (v4, v6) = if row.src.is_ipv4() { (row.src.to_string(), "".into()) } else { ("".into(), row.src.to_string()) };
    [
        ("sensor", "test/1".to_owned()),
        ("site", String::new()),
        ("interval_start", row.interval_start.to_string()),
        ("time", row.time.to_string()),
        ("src", v4),
        ("src6", v6),
        ("src_port", row.src_port.to_string()),
        ("dst_port", row.dst_port.to_string()),
        ("protocol", "6".to_owned()),
        ("capture_mode", row.capture_mode.name().to_owned()),
        ("exploit", exploit.map(|exploit| exploit.name.to_string()).unwrap_or_default()),
        ("exploit_rule_id", exploit.map(|exploit| exploit.rule_id.to_string()).unwrap_or_default()),
        ("exploit_confidence", exploit.map(|exploit| exploit.confidence.to_string()).unwrap_or_default()),
        ("family", row.family.family().to_owned()),
        ("attribution_source", row.family.source().to_owned()),
        ("rule_id", family.map(|family| family.rule_id.to_string()).unwrap_or_default()),
        ("family_confidence", family.map(|family| family.confidence.to_string()).unwrap_or_default()),
        ("url_host", text(&row.url_host)),
        ("url_path", text(&row.url_path)),
        ("url_file", text(&row.url_file)),
        ("username", text(&row.username)),
        ("password", text(&row.password)),
        ("length", row.length.to_string()),
        ("payload", format!("{:?}", row.payload)),
        ("country", row.country.map(|code| String::from_utf8(code.to_vec()).unwrap()).unwrap_or_default()),
        ("asn", row.asn.map(|asn| asn.to_string()).unwrap_or_default()),
    ]
    .map(|(name, text)| format!("{name}={text}"))
    .to_vec()
}

fn all_written(archive: &Archive) -> Vec<Vec<String>> {
    let batches = batches(archive, Table::Payloads);
    let mut rows: Vec<_> =
        batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|row| written(batch, row))).collect();
    rows.sort();
    rows
}

fn later() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(3)
}

#[test]
fn every_column_comes_back_also_when_files_were_merged() {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path());
    let mut writer = Writer::open(&archive, "test/1", 10).unwrap();
    let rows: Vec<_> = (0..300).map(|n| payload(n, START)).collect();
    for rows in rows.chunks(70) {
        rows.iter().for_each(|row| writer.push_payload(row.clone()).unwrap());
        writer.flush().unwrap();
    }
    let mut expected: Vec<_> = rows.iter().map(pushed).collect();
    expected.sort();
    assert_eq!(all_written(&archive), expected);
    assert_eq!(archive.dates(Table::Payloads).unwrap().len(), 2, "before and after midnight");
    drop(writer);
    assert!(compact(&archive, later(), |_| {}).unwrap().merged > 0);
    assert_eq!(files(&archive, Table::Payloads).len(), 2);
    assert_eq!(all_written(&archive), expected);
    let checked = check(&archive).unwrap();
    assert_eq!((checked.problems, checked.payloads), (vec![], 300));
}

#[test]
fn nothing_of_an_attacker_is_longer_than_what_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path());
    let mut writer = Writer::open(&archive, "test/1", 10).unwrap();
    let long = || Some("ä".repeat(MOST_PAYLOAD) + "\0</script>");
    let row = payload(1, START);
    let texts = PayloadRow { url_path: long(), password: Some("x".to_owned() + &long().unwrap()), ..row };
    writer.push_payload(PayloadRow { payload: vec![7; 5_000], length: 5_000, ..texts }).unwrap();
    let row = &writer.payloads()[0];
    assert_eq!((row.payload.len(), row.length), (MOST_PAYLOAD, 5_000));
    assert_eq!(row.url_path, Some("ä".repeat(MOST_PAYLOAD / 2)));
    assert_eq!(row.password.as_ref().unwrap().len(), MOST_PAYLOAD - 1, "half a character is none");
    writer.flush().unwrap();
    assert_eq!(all_written(&archive).len(), 1);
}

#[test]
fn payloads_wait_for_the_disk_up_to_a_bound() {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path());
    let mut writer = Writer::open(&archive, "test/1", 10).unwrap();
    writer.bound_payloads(20_000);
    // As a full disk: no directory of a date can be made.
    let place = directory.path().join("payloads");
    fs::remove_dir(&place).unwrap();
    fs::write(&place, "").unwrap();
    let mut taken = 0;
    while writer.push_payload(payload(taken, START)).is_ok() {
        taken += 1;
    }
    assert_eq!(writer.payloads().len(), taken as usize);
    assert!((30..100).contains(&taken), "{taken}");
    writer.push(row(1, START)).unwrap();
    writer.account(AccountingRow { interval_start: START, payloads: Some(taken.into()), ..AccountingRow::default() });
    assert!(writer.flush().is_err());
    assert_eq!(writer.payloads().len(), taken as usize);
    assert_eq!(
        (files(&archive, Table::Flows).len(), files(&archive, Table::Accounting).len()),
        (1, 0),
        "rows come first"
    );

    // There is room again: each is written once.
    fs::remove_file(&place).unwrap();
    writer.flush().unwrap();
    assert!(writer.payloads().is_empty());
    assert_eq!(all_written(&archive).len(), taken as usize);
    for n in 0..5 * taken {
        writer.push_payload(payload(n, START + 10_000)).unwrap();
        assert!(writer.payloads().len() < 100);
    }
    writer.discard_payloads();
    assert!(writer.payloads().is_empty() && all_written(&archive).len() > 4 * taken as usize);
}

#[test]
fn an_interval_of_a_killed_sensor_has_its_payloads_accounted_for() {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path());
    let mut writer = Writer::open(&archive, "test/1", 10).unwrap();
    writer.push(row(1, START)).unwrap();
    for (n, start) in [(1, START), (2, START), (3, START + 10_000)] {
        writer.push_payload(payload(n, start)).unwrap();
    }
    writer.flush().unwrap();
    let found = archive.unaccounted("test/1").unwrap();
    let payloads: Vec<_> = found.iter().map(|loss| (loss.interval_start, loss.payloads, loss.syns)).collect();
    assert_eq!(payloads, [(START, Some(2), 2), (START + 10_000, Some(1), 0)]);
    found.into_iter().for_each(|loss| writer.account(loss));
    writer.flush().unwrap();
    assert_eq!((archive.unaccounted("test/1").unwrap(), check(&archive).unwrap().problems), (vec![], vec![]));
}

/// The site of every row of a table.
fn sites(archive: &Archive, table: Table) -> Vec<Option<String>> {
    let of_batch = |batch: &RecordBatch| {
        let sites = batch.column_by_name("site").unwrap().as_dictionary::<Int32Type>();
        let sites = sites.downcast_dict::<StringArray>().unwrap();
        sites.into_iter().map(|site| site.map(str::to_owned)).collect::<Vec<_>>()
    };
    let mut sites: Vec<_> = batches(archive, table).iter().flat_map(of_batch).collect();
    sites.sort();
    sites
}

#[test]
fn rows_have_the_site_of_their_sensor() {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path());
    let day = START - 10_000_000;
    for (start, site) in [(day, Some("tokyo")), (day + 10_000, None)] {
        let mut writer = Writer::open(&archive, "test/1", 10).unwrap();
        writer.at_site(site);
        writer.push(row(8, start)).unwrap();
        writer.push_payload(payload(1, start)).unwrap();
        writer.account(AccountingRow {
            interval_start: start,
            syns: 9,
            packets: 9,
            payloads: Some(1),
            ..AccountingRow::default()
        });
        writer.flush().unwrap();
    }
    for merged in [false, true] {
        if merged {
            assert_eq!(compact(&archive, later(), |_| {}).unwrap().merged, 6);
        }
        assert_eq!(check(&archive).unwrap().problems, Vec::<String>::new());
        for table in Table::ALL {
            assert_eq!(sites(&archive, table), [None, Some("tokyo".to_owned())], "{table:?}");
        }
    }
}

#[test]
fn unknown_payload_counts_stay_null_when_accounting_is_merged() {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path());
    let day = START - 10_000_000;
    for (start, payloads) in [(day, None), (day + 10_000, None), (day + 20_000, Some(4))] {
        let mut writer = Writer::open(&archive, "test/1", 10).unwrap();
        writer.push(row(8, start)).unwrap();
        (0..payloads.unwrap_or(0)).for_each(|n| writer.push_payload(payload(n, start)).unwrap());
        let payloads = payloads.map(u64::from);
        writer.account(AccountingRow {
            interval_start: start,
            syns: 9,
            packets: 9,
            payloads,
            payloads_lost: payloads,
            ..AccountingRow::default()
        });
        writer.flush().unwrap();
    }
    for merged in [false, true] {
        if merged {
            let done = compact(&archive, later(), |_| {}).unwrap();
            assert_eq!((done.merged, done.unreadable), (6, 0));
        }
        let checked = check(&archive).unwrap();
        assert_eq!((checked.problems, checked.intervals), (vec![], 3));
        assert_eq!((checked.payloads, checked.payloads_missing), (4, 4));
        let known: Vec<_> = batches(&archive, Table::Accounting)
            .iter()
            .flat_map(|batch| {
                batch.column_by_name("payloads").unwrap().as_primitive::<UInt64Type>().iter().collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(known, [None, None, Some(4)]);
    }
}

#[test]
fn attribution_names_its_source() {
    assert_eq!((Attribution::default().family(), Attribution::default().source()), ("unknown", "none"));
    let by_payload = payload(4, START).family;
    assert_eq!((by_payload.family(), by_payload.source()), ("qbot", "payload"));
    assert_eq!(by_payload.classification().unwrap().confidence, 'B');
    assert_eq!(payload(1, START).family.source(), "fingerprint");
}
