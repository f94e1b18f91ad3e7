//! Compaction, killed at every step: no row is lost, none is read twice.

mod sample;

use std::{
    env,
    path::Path,
    process::{Command, abort},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use arrow_array::{
    ArrayRef,
    cast::AsArray as _,
    types::{Int32Type, UInt16Type},
};
use honeyxdp_archive::{AccountingRow, Archive, Reader, Retention, Table, Writer, check, compact, prune};
use jiff::{SignedDuration, Timestamp};
use sample::{payload, row};

/// In the child: the directory, and the step before which it is killed.
const DIRECTORY: &str = "HONEYXDP_TEST_COMPACT";
const STEP: &str = "HONEYXDP_TEST_STEP";
const FILES: u32 = 6;
const ROWS: u32 = 50;
const PAYLOADS: u32 = 20;

/// Files of a date that is long over.
fn fill(root: &Path) -> Archive {
    fill_with(root, FILES)
}

fn fill_with(root: &Path, files: u32) -> Archive {
    let archive = Archive::new(root);
    let mut writer = Writer::open(&archive, "test/1", 1_000).unwrap();
    let start = "2019-11-05T10:00:00Z".parse::<Timestamp>().unwrap().as_millisecond();
    for file in 0..files {
        let start = start + i64::from(file) * 10_000;
        let mut packets = 0;
        for n in 0..ROWS {
            let row = row(file * ROWS + n, start);
            packets += u64::from(row.packets);
            writer.push(row).unwrap();
        }
        for n in 0..PAYLOADS {
            writer.push_payload(payload(file * PAYLOADS + n, start)).unwrap();
        }
        let loss = AccountingRow {
            interval_start: start,
            interval_end: start + 10_000,
            syns: packets + 3,
            lost: 3,
            packets,
            payloads: Some(PAYLOADS.into()),
            payloads_lost: Some(2),
            ..AccountingRow::default()
        };
        writer.account(loss);
        writer.flush().unwrap();
    }
    archive
}

/// Rows, SYNs and payloads by the rule of names.
fn read(archive: &Archive) -> (u64, u64, u64) {
    let checked = check(archive).unwrap();
    assert_eq!(checked.problems, [""; 0]);
    (checked.rows, checked.packets, checked.payloads)
}

/// A time at which the numbers of files that were written now are of an hour that is over.
fn later() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(3)
}

fn files(archive: &Archive, table: Table) -> usize {
    archive.dates(table).unwrap().iter().map(|&date| archive.all_files(table, date).unwrap().len()).sum()
}

/// The child of the test below: it compacts, and dies where it is told.
#[test]
fn child() {
    let (Ok(directory), Ok(step)) = (env::var(DIRECTORY), env::var(STEP)) else {
        return;
    };
    let mut left: usize = step.parse().unwrap();
    compact(&Archive::new(directory), later(), |_| {
        if left == 0 {
            abort();
        }
        left -= 1;
    })
    .unwrap();
}

#[test]
fn killed_at_any_step_it_loses_and_doubles_nothing() {
    let mut steps = 0;
    loop {
        let directory = tempfile::tempdir().unwrap();
        let archive = fill(directory.path());
        let whole = read(&archive);
        assert_eq!((whole.0, whole.2), (u64::from(FILES * ROWS), u64::from(FILES * PAYLOADS)));
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child"])
            .env(DIRECTORY, directory.path())
            .env(STEP, steps.to_string())
            .output()
            .unwrap();
        assert_eq!(read(&archive), whole, "killed before step {steps}");
        if child.status.success() {
            break;
        }
        let done = compact(&archive, later(), |_| {}).unwrap();
        assert_eq!(done.unreadable, 0);
        assert_eq!(read(&archive), whole, "killed before step {steps}, and done again");
        let checked = check(&archive).unwrap();
        assert!(checked.leftovers.is_empty(), "{checked:?}");
        assert_eq!(Table::ALL.map(|table| files(&archive, table)), [1; 3]);
        let hidden = walk(directory.path()).into_iter().filter(|name| name.ends_with(".tmp")).count();
        assert_eq!(hidden, 0, "half a file is left");
        steps += 1;
    }
    // Three tables: an hour has begun, written, named and a removal for each file.
    assert!(steps >= 3 * (3 + FILES as usize), "{steps} steps");
}

fn walk(directory: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            all.extend(walk(&entry.path()));
        } else {
            all.push(entry.file_name().into_string().unwrap());
        }
    }
    all
}

#[test]
fn a_damaged_file_is_found_and_neither_merged_nor_removed() {
    let directory = tempfile::tempdir().unwrap();
    let archive = fill(directory.path());
    let date = archive.dates(Table::Flows).unwrap()[0];
    let damaged = archive.files(Table::Flows, date).unwrap().remove(3);
    let bytes = std::fs::read(&damaged.path).unwrap();
    std::fs::write(&damaged.path, &bytes[..bytes.len() / 2]).unwrap();
    let checked = check(&archive).unwrap();
    assert_eq!(checked.problems.len(), 1, "{checked:?}");
    assert!(checked.problems[0].contains(&damaged.name.to_string()), "{checked:?}");

    let done = compact(&archive, later(), |_| {}).unwrap();
    assert!(done.unreadable > 0);
    let left = archive.files(Table::Flows, date).unwrap();
    assert!(left.iter().any(|file| file.name == damaged.name), "{left:?}");
    assert_eq!(check(&archive).unwrap().rows, u64::from((FILES - 1) * ROWS));
    // Mended, it counts as before: nothing stands in for it.
    std::fs::write(&damaged.path, &bytes).unwrap();
    assert_eq!(read(&archive).0, u64::from(FILES * ROWS));
}

#[test]
fn rows_that_are_there_twice_or_missing_are_found() {
    for (table, what) in [(Table::Flows, "SYNs"), (Table::Payloads, "payloads")] {
        let directory = tempfile::tempdir().unwrap();
        let archive = fill(directory.path());
        let date = archive.dates(table).unwrap()[0];
        let file = archive.files(table, date).unwrap().remove(0);
        let mut twin = file.name.clone();
        (twin.first, twin.last) = (1, 1);
        let twin = file.path.with_file_name(twin.to_string());
        let problem = || {
            let problems = check(&archive).unwrap().problems;
            assert!(problems.len() == 1 && problems[0].contains(what), "{problems:?}");
            problems[0].clone()
        };
        std::fs::copy(&file.path, &twin).unwrap();
        assert!(problem().contains("twice"));
        for file in [&file.path, &twin] {
            std::fs::remove_file(file).unwrap();
        }
        assert!(problem().contains("missing"));
    }
}

/// The texts of a column.
fn words(column: &ArrayRef) -> Vec<String> {
    let column = column.as_dictionary::<Int32Type>();
    let values = column.values().as_string::<i32>();
    column.keys().values().iter().map(|key| values.value(usize::try_from(*key).unwrap()).to_owned()).collect()
}

#[test]
fn footers_declare_the_order_and_bloom_filters_are_small() {
    let directory = tempfile::tempdir().unwrap();
    let archive = fill(directory.path());
    for merged in [false, true] {
        if merged {
            compact(&archive, later(), |_| {}).unwrap();
        }
        for table in Table::ALL {
            let date = archive.dates(table).unwrap()[0];
            for file in archive.files(table, date).unwrap() {
                let reader = Reader::open(&file).unwrap();
                assert!(reader.is_sorted(), "{file:?}");
                for column in reader.footer().row_group(0).columns() {
                    let has_filter = ["src", "src6"].contains(&column.column_path().string().as_str());
                    let bytes = column.bloom_filter_length();
                    assert_eq!(bytes.is_some(), has_filter && table != Table::Accounting);
                    println!("{} of {} bytes in {}", bytes.unwrap_or(0), file.bytes, file.name);
                    assert!(bytes.unwrap_or(0) < 4096, "{bytes:?}");
                }
            }
        }
    }
}

#[test]
fn rows_are_sorted_and_statistics_tell_where_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let archive = fill(directory.path());
    compact(&archive, later(), |_| {}).unwrap();
    for (table, rows) in [(Table::Flows, ROWS), (Table::Payloads, PAYLOADS)] {
        let date = archive.dates(table).unwrap()[0];
        let reader = Reader::open(&archive.files(table, date).unwrap()[0]).unwrap();
        let group = reader.footer().row_group(0);
        assert!(group.columns().iter().all(|column| column.statistics().is_some()));
        assert_eq!(reader.rows(), u64::from(FILES * rows));
        let batch = reader.batches(1 << 15).unwrap().next().unwrap().unwrap();
        let families = words(batch.column_by_name("family").unwrap());
        let ports = batch.column_by_name("dst_port").unwrap().as_primitive::<UInt16Type>().values();
        let order: Vec<_> = families.iter().zip(ports).collect();
        assert!(order.is_sorted(), "{order:?}");
    }
}

#[test]
fn what_is_too_old_or_too_much_goes_by_whole_dates() {
    let directory = tempfile::tempdir().unwrap();
    let archive = fill(directory.path());
    let now = "2019-11-10T00:00:00Z".parse::<Timestamp>().unwrap();
    let keep = |days: i64| Retention { age: Some(SignedDuration::from_hours(24 * days)), bytes: None };
    assert_eq!(prune(&archive, &keep(10), now).unwrap().files, 0);
    assert_eq!(prune(&archive, &Retention { age: None, bytes: Some(1 << 30) }, now).unwrap().files, 0);
    let done = prune(&archive, &Retention { age: None, bytes: Some(1) }, now).unwrap();
    assert_eq!((done.files, done.left, done.dates.len()), (u64::from(3 * FILES), 0, 1));
    let archive = fill(directory.path());
    assert_eq!(prune(&archive, &keep(3), now).unwrap().files, u64::from(3 * FILES));
    assert_eq!(Table::ALL.map(|table| files(&archive, table)), [0; 3]);
}

#[test]
fn two_writers_under_one_name_are_refused_and_numbers_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let archive = fill(directory.path());
    let date = archive.dates(Table::Flows).unwrap()[0];
    let last = archive.files(Table::Flows, date).unwrap().last().unwrap().name.last;
    let mut writer = Writer::open(&archive, "test/1", 10).unwrap();
    assert!(Writer::open(&archive, "test/1", 10).unwrap_err().to_string().contains("another honeyxdp writes"));
    writer.push(row(1, "2019-11-05T11:00:00Z".parse::<Timestamp>().unwrap().as_millisecond())).unwrap();
    writer.flush().unwrap();
    assert!(archive.files(Table::Flows, date).unwrap().last().unwrap().name.last > last);
}

#[test]
fn whoever_lists_files_while_they_are_merged_finds_every_row_once() {
    const ROUNDS: usize = 10;
    for _ in 0..ROUNDS {
        let directory = tempfile::tempdir().unwrap();
        let archive = fill_with(directory.path(), 40);
        let date = archive.dates(Table::Flows).unwrap()[0];
        let list = || archive.files(Table::Flows, date).unwrap();
        let merged = AtomicBool::new(false);
        let numbers: Vec<u64> = list().iter().map(|file| file.name.first).collect();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !merged.load(Ordering::Relaxed) {
                        let files = list();
                        for number in &numbers {
                            let holding =
                                files.iter().filter(|file| (file.name.first..=file.name.last).contains(number));
                            assert_eq!(holding.count(), 1, "{number} in {} files", files.len());
                        }
                    }
                });
            }
            compact(&archive, later(), |_| ()).unwrap();
            merged.store(true, Ordering::Relaxed);
        });
        assert_eq!(list().len(), 1);
    }
}

#[test]
fn a_check_and_a_compaction_keep_out_of_each_others_way() {
    let directory = tempfile::tempdir().unwrap();
    let archive = fill(directory.path());
    // Nobody has merged anything yet, and a check makes no file.
    check(&archive).unwrap();
    assert!(!directory.path().join(".maintenance.lock").exists());
    let mut refused = String::new();
    compact(&archive, later(), |_| refused = check(&archive).unwrap_err().to_string()).unwrap();
    assert!(refused.contains("merges or removes files"), "{refused}");
    read(&archive);
}
