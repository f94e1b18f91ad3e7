//! Conversion of archives of honeyxdp 0.1.0: every row is kept, and a killed conversion is resumed.

mod sample;

use std::{
    fs::{self, File},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use arrow_array::{
    Array as _, ArrayRef, DictionaryArray, RecordBatch, StringArray, cast::AsArray as _, new_null_array,
    types::Int32Type,
};
use arrow_schema::{Field, Schema};
use honeyxdp_archive::{
    AccountingRow, Archive, Checkpoint, Counters, Entry, Error, Reader, SCHEMA_KEY, Table, Writer, check, compact,
    convert,
};
use jiff::{SignedDuration, Timestamp};
use parquet::{
    arrow::ArrowWriter,
    file::{metadata::KeyValue, properties::WriterProperties},
};
use sample::{payload, row};

/// 2019-11-05T10:00:00Z.
const START: i64 = 1_572_948_000_000;
const CHECKPOINT: Checkpoint = Checkpoint {
    run: 7,
    until: START + 10_000,
    counters: Counters { frames: 9, syns: 8, lost: 1, sampled_out: 2, filtered: 3 },
};

/// The columns of honeyxdp 0.1.0 in order: old name and name.
const FLOWS: &[(&str, &str)] = &[
    ("sensor", "sensor"),
    ("interval_start", "interval_start"),
    ("interval_end", "interval_end"),
    ("family", "family"),
    ("rule", "rule_id"),
    ("settled", "attributed_family"),
    ("src", "src"),
    ("src6", "src6"),
    ("dport", "dst_port"),
    ("packets", "packets"),
    ("first", "first_seen"),
    ("last", "last_seen"),
    ("tags", "matched"),
    ("window", "tcp_window"),
    ("ttl", "ttl"),
    ("options_length", "options_length"),
    ("options_head", "options_head"),
    ("ip_id", "ip_id"),
    ("seq_first", "seq_first"),
    ("seq_last", "seq_last"),
    ("country", "country"),
    ("asn", "asn"),
    ("site", "site"),
];
const LOSSES: &[(&str, &str)] = &[
    ("sensor", "sensor"),
    ("interval_start", "interval_start"),
    ("interval_end", "interval_end"),
    ("frames", "frames"),
    ("syns", "syns"),
    ("packets", "packets"),
    ("lost", "lost"),
    ("unsampled", "sampled_out"),
    ("not_written", "dropped_by_archive"),
    ("filtered", "filtered"),
    ("payloads", "payloads"),
    ("payloads_lost", "payloads_lost"),
    ("site", "site"),
];
const PAYLOADS: &[(&str, &str)] = &[
    ("sensor", "sensor"),
    ("interval_start", "interval_start"),
    ("time", "time"),
    ("src", "src"),
    ("src6", "src6"),
    ("sport", "src_port"),
    ("dport", "dst_port"),
    ("how", "capture_mode"),
    ("exploit", "exploit"),
    ("exploit_rule", "exploit_rule_id"),
    ("exploit_certainty", "exploit_confidence"),
    ("family", "family"),
    ("decided_by", "attribution_source"),
    ("evidence", "rule_id"),
    ("family_certainty", "family_confidence"),
    ("url_host", "url_host"),
    ("url_path", "url_path"),
    ("url_file", "url_file"),
    ("username", "username"),
    ("password", "password"),
    ("length", "length"),
    ("payload", "payload"),
    ("country", "country"),
    ("asn", "asn"),
    ("site", "site"),
];

/// Versions of the tables, and how many of the columns files of them have.
struct Versions {
    flows: (&'static str, usize),
    losses: (&'static str, usize),
    payloads: (&'static str, usize),
}

const LAST: Versions = Versions {
    flows: ("honeyxdp.flows/2", 23),
    losses: ("honeyxdp.losses/3", 13),
    payloads: ("honeyxdp.payloads/2", 25),
};
const FIRST: Versions = Versions {
    flows: ("honeyxdp.flows/1", 22),
    losses: ("honeyxdp.losses/1", 10),
    payloads: ("honeyxdp.payloads/1", 24),
};

fn files(archive: &Archive, table: Table) -> Vec<Entry> {
    archive.dates(table).unwrap().into_iter().flat_map(|date| archive.files(table, date).unwrap()).collect()
}

fn batches(archive: &Archive, table: Table) -> Vec<RecordBatch> {
    let batches = files(archive, table).into_iter().flat_map(|file| {
        Reader::open(&file).unwrap().batches(1 << 15).unwrap().map(Result::unwrap).collect::<Vec<_>>()
    });
    batches.collect()
}

/// Writes an archive of the current schema with three files of each table.
fn fill(root: &Path) -> Archive {
    let archive = Archive::new(root);
    let mut writer = Writer::open(&archive, "test/1", 1_000).unwrap();
    writer.at_site(Some("tokyo"));
    for file in 0..3 {
        let start = START + i64::from(file) * 10_000;
        let mut packets = 0;
        for n in 0..40 {
            let row = row(file * 100 + n, start);
            packets += u64::from(row.packets);
            writer.push(row).unwrap();
            writer.push_payload(payload(file * 100 + n, start)).unwrap();
        }
        writer.account(AccountingRow {
            interval_start: start,
            interval_end: start + 10_000,
            frames: packets + 9,
            syns: packets + 6,
            packets,
            lost: 1,
            sampled_out: 2,
            dropped_by_archive: 3,
            filtered: 3,
            payloads: Some(40),
            payloads_lost: Some(2),
        });
        writer.checkpoint(Checkpoint { until: start + 10_000, ..CHECKPOINT });
        writer.flush().unwrap();
    }
    archive
}

/// Rewrites every file as honeyxdp 0.1.0 wrote it.
fn age(archive: &Archive, versions: &Versions) {
    for table in Table::ALL {
        let (columns, (version, many)) = match table {
            Table::Flows => (FLOWS, versions.flows),
            Table::Accounting => (LOSSES, versions.losses),
            Table::Payloads => (PAYLOADS, versions.payloads),
        };
        for file in files(archive, table) {
            let reader = Reader::open(&file).unwrap();
            let mut keys = reader.footer().file_metadata().key_value_metadata().unwrap().clone();
            keys.retain(|pair| pair.key.starts_with("honeyxdp.") && pair.key != SCHEMA_KEY);
            keys.iter_mut().filter(|pair| pair.key == "honeyxdp.checkpoint").for_each(|pair| {
                pair.key = "honeyxdp.accounted".to_owned();
            });
            keys.push(KeyValue::new(SCHEMA_KEY.to_owned(), version.to_owned()));
            let rows: Vec<_> =
                reader.batches(100).unwrap().map(|batch| old_batch(&batch.unwrap(), &columns[..many])).collect();
            let properties = WriterProperties::builder().set_key_value_metadata(Some(keys)).build();
            let out = File::create(&file.path).unwrap();
            let mut writer = ArrowWriter::try_new(out, rows[0].schema(), Some(properties)).unwrap();
            rows.iter().for_each(|batch| writer.write(batch).unwrap());
            writer.close().unwrap();
        }
    }
    fs::rename(archive.root().join("accounting"), archive.root().join("losses")).unwrap();
}

fn old_batch(batch: &RecordBatch, columns: &[(&str, &str)]) -> RecordBatch {
    let schema = batch.schema();
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns
        .iter()
        .map(|(old, name)| {
            let field = schema.field_with_name(name).unwrap().clone().with_name(*old);
            let array = Arc::clone(batch.column_by_name(name).unwrap());
            (field, if *old == "decided_by" { renamed(&array, "fingerprint", "mark") } else { array })
        })
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn renamed(column: &ArrayRef, from: &str, to: &str) -> ArrayRef {
    let column: &DictionaryArray<Int32Type> = column.as_dictionary();
    let words = column.downcast_dict::<StringArray>().unwrap();
    let words = words.into_iter().map(|word| word.map(|word| if word == from { to } else { word }));
    Arc::new(words.collect::<DictionaryArray<Int32Type>>())
}

/// The rows as text, each with every column but those that the version does not have.
fn texts(batches: &[RecordBatch], columns: &[(&str, &str)], later: &[&str]) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in batches {
        let mut arrays: Vec<(&str, ArrayRef)> = Vec::new();
        for (_, name) in columns {
            let array = batch.column_by_name(name).unwrap();
            let is_later = later.contains(name);
            arrays.push((
                *name,
                if is_later { new_null_array(array.data_type(), array.len()) } else { Arc::clone(array) },
            ));
        }
        for row in 0..batch.num_rows() {
            let text = |(name, array): &(&str, ArrayRef)| {
                // A dictionary prints its values, whatever they are.
                match array.as_any().downcast_ref::<DictionaryArray<Int32Type>>() {
                    Some(words) if words.is_valid(row) => {
                        let value = words.values().as_string::<i32>().value(words.key(row).unwrap());
                        format!("{name}={value}")
                    }
                    _ => format!("{name}={:?}", array.slice(row, 1)),
                }
            };
            rows.push(arrays.iter().map(text).collect::<Vec<_>>().join(" "));
        }
    }
    rows.sort();
    rows
}

fn all_texts(archive: &Archive, later: &[&str]) -> Vec<Vec<String>> {
    [(Table::Flows, FLOWS), (Table::Accounting, LOSSES), (Table::Payloads, PAYLOADS)]
        .map(|(table, columns)| texts(&batches(archive, table), columns, later))
        .to_vec()
}

#[test]
fn converts_every_row_of_all_versions() {
    for (versions, later) in [(LAST, &[][..]), (FIRST, &["site", "payloads", "payloads_lost"][..])] {
        let directory = tempfile::tempdir().unwrap();
        let archive = fill(directory.path());
        let expected = all_texts(&archive, later);
        age(&archive, &versions);

        let found = convert(&archive, true, |_, _, _| {}).unwrap();
        assert_eq!((found.files, found.current, found.problems.len()), (9, 0, 0));
        assert!(directory.path().join("losses").is_dir(), "a dry run changes nothing");
        let done = convert(&archive, false, |_, _, _| {}).unwrap();
        assert_eq!((done.files, done.rows, done.problems.len()), (9, 3 * (40 + 40 + 1), 0));
        assert_eq!((done.bytes_before, done.bytes_after > 0), (found.bytes_before, true));

        assert!(!directory.path().join("losses").exists());
        assert_eq!(all_texts(&archive, later), expected);
        assert_eq!(check(&archive).unwrap().problems, Vec::<String>::new());
        let newest = Checkpoint { until: START + 30_000, ..CHECKPOINT };
        assert_eq!(archive.checkpoint("test/1").unwrap(), Some(newest));
        for table in [Table::Flows, Table::Payloads] {
            let rows = batches(&archive, table);
            assert!(rows.iter().all(|batch| batch.column_by_name("protocol").unwrap().null_count() == 0));
        }
        assert_eq!(convert(&archive, false, |_, _, _| {}).unwrap().files, 0);
        let later = Timestamp::now() + SignedDuration::from_hours(3);
        assert_eq!(compact(&archive, later, |_| {}).unwrap().merged, 9);
        assert_eq!(check(&archive).unwrap().problems, Vec::<String>::new());
    }
}

#[test]
fn resumes_after_a_kill_at_any_step() {
    let mut kills = 0;
    loop {
        let directory = tempfile::tempdir().unwrap();
        let archive = fill(directory.path());
        let expected = all_texts(&archive, &[]);
        age(&archive, &LAST);
        let mut steps = 0;
        let killed = catch_unwind(AssertUnwindSafe(|| {
            convert(&archive, false, |_, _, _| {
                assert!(steps < kills, "killed here");
                steps += 1;
            })
        }));
        if let Ok(done) = killed {
            assert_eq!(done.unwrap().files, 9);
            break;
        }
        let reader = archive.dates(Table::Flows);
        assert!(matches!(reader, Err(Error::Outdated { .. })) || all_texts(&archive, &[]) == expected, "step {kills}");
        convert(&archive, false, |_, _, _| {}).unwrap();
        assert_eq!(all_texts(&archive, &[]), expected, "step {kills}");
        assert_eq!(check(&archive).unwrap().problems, Vec::<String>::new());
        kills += 1;
    }
    assert_eq!(kills, 9 * 4);
}

#[test]
fn readers_name_the_command() {
    let directory = tempfile::tempdir().unwrap();
    let archive = fill(directory.path());
    let flows = files(&archive, Table::Flows);
    age(&archive, &LAST);
    let command = format!("honeyxdp archive convert {}", directory.path().display());
    let errors = [
        check(&archive).unwrap_err(),
        compact(&archive, Timestamp::now(), |_| {}).unwrap_err(),
        Writer::open(&archive, "test/1", 1).map(drop).unwrap_err(),
        Reader::open(&flows[0]).map(drop).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Outdated { .. }) && error.to_string().contains(&command), "{error}");
    }
}

#[test]
fn leaves_damaged_files_and_reports_them() {
    let directory = tempfile::tempdir().unwrap();
    let archive = fill(directory.path());
    let flows = files(&archive, Table::Flows);
    age(&archive, &LAST);
    let bytes = fs::read(&flows[1].path).unwrap();
    fs::write(&flows[1].path, &bytes[..bytes.len() / 2]).unwrap();
    let done = convert(&archive, false, |_, _, _| {}).unwrap();
    assert_eq!((done.files, done.problems.len()), (8, 1));
    assert!(done.problems[0].contains(&flows[1].path.display().to_string()), "{:?}", done.problems);
    assert_eq!(fs::read(&flows[1].path).unwrap().len(), bytes.len() / 2);
    assert_eq!(batches(&archive, Table::Payloads).len(), 3);
}
