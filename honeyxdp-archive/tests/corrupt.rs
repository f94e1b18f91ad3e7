//! Files that a failing disk has spoiled: cut at every byte, flipped in any byte, empty. They are named, or what they hold is
//! still right; a check never panics, and a compaction neither merges nor removes them.

mod sample;

use std::{env, fs, path::Path};

use honeyxdp_archive::{AccountingRow, Archive, Entry, Reader, Table, Writer, check, compact};
use jiff::{SignedDuration, Timestamp};
use sample::{payload, row};

const ROWS: u32 = 12;
/// Flips in each file. HONEYXDP_FLIPS asks for more: all of them take minutes.
const FLIPS: usize = 250;

/// Two files of each table.
fn fill(root: &Path) -> Archive {
    let archive = Archive::new(root);
    let mut writer = Writer::open(&archive, "test", 1_000).unwrap();
    let start = "2019-11-05T10:00:00Z".parse::<Timestamp>().unwrap().as_millisecond();
    for file in 0..2 {
        let start = start + i64::from(file) * 10_000;
        let rows: Vec<_> = (0..ROWS).map(|n| row(file * ROWS + n, start)).collect();
        let packets = rows.iter().map(|row| u64::from(row.packets)).sum();
        rows.into_iter().for_each(|row| writer.push(row).unwrap());
        (0..ROWS).for_each(|n| writer.push_payload(payload(n, start)).unwrap());
        let (interval_start, interval_end) = (start, start + 10_000);
        let payloads = Some(u64::from(ROWS));
        writer.account(AccountingRow {
            interval_start,
            interval_end,
            syns: packets,
            packets,
            payloads,
            ..AccountingRow::default()
        });
        writer.flush().unwrap();
    }
    archive
}

fn files(archive: &Archive) -> Vec<Entry> {
    let of = |table| {
        let dates = archive.dates(table).unwrap();
        dates.into_iter().flat_map(|date| archive.all_files(table, date).unwrap()).collect::<Vec<_>>()
    };
    Table::ALL.into_iter().flat_map(of).collect()
}

/// Rows of flows, SYNs, SYNs in accounts, and payloads.
fn sums(archive: &Archive) -> (Vec<String>, [u64; 4]) {
    let checked = check(archive).unwrap();
    (checked.problems, [checked.rows, checked.packets, checked.syns, checked.payloads])
}

#[test]
fn a_file_that_is_cut_at_any_byte_is_named_and_nothing_of_it_counts() {
    let directory = tempfile::tempdir().unwrap();
    let archive = fill(directory.path());
    let (problems, whole) = sums(&archive);
    assert_eq!(problems, [""; 0]);
    for table in Table::ALL {
        let file = files(&archive).into_iter().find(|file| file.table == table).unwrap();
        let bytes = fs::read(&file.path).unwrap();
        for length in 0..bytes.len() {
            fs::write(&file.path, &bytes[..length]).unwrap();
            assert!(Reader::open(&file).is_err(), "{length} bytes of {}", bytes.len());
        }
        // Every one of them is the same to a check and to a compaction: a file that cannot be opened.
        for length in [0, 1, 4, bytes.len() / 2, bytes.len() - 8, bytes.len() - 1] {
            fs::write(&file.path, &bytes[..length]).unwrap();
            let (problems, sums) = sums(&archive);
            assert!(problems.iter().any(|problem| problem.contains(&file.name.to_string())), "{length}: {problems:?}");
            assert!(sums.iter().zip(whole).all(|(sum, whole)| *sum <= whole), "{length}: {sums:?}");
            let later = Timestamp::now() + SignedDuration::from_hours(48);
            assert!(compact(&archive, later, |_| {}).unwrap().unreadable > 0, "{length}");
            assert_eq!(fs::read(&file.path).unwrap(), bytes[..length], "{length}");
        }
        fs::write(&file.path, &bytes).unwrap();
    }
    let (problems, sums) = sums(&archive);
    assert_eq!((problems, sums), (Vec::new(), whole), "mended, all is there");
}

#[test]
fn a_byte_that_flips_anywhere_is_named_or_changes_no_sum() {
    let directory = tempfile::tempdir().unwrap();
    let archive = fill(directory.path());
    let (_, whole) = sums(&archive);
    let flips = env::var("HONEYXDP_FLIPS").map_or(FLIPS, |text| text.parse().unwrap());
    for table in Table::ALL {
        let file = files(&archive).into_iter().find(|file| file.table == table).unwrap();
        let bytes = fs::read(&file.path).unwrap();
        let (mut named, every) = (0, (bytes.len() / flips).max(1));
        for at in (0..bytes.len()).step_by(every) {
            let mut spoiled = bytes.clone();
            spoiled[at] ^= 1 << (at % 8);
            fs::write(&file.path, &spoiled).unwrap();
            let (problems, sums) = sums(&archive);
            if problems.is_empty() {
                assert_eq!(sums, whole, "byte {at} of {}: {table:?}", bytes.len());
            } else {
                named += 1;
                assert!(problems.iter().all(|problem| !problem.contains('\n')), "{problems:?}");
            }
        }
        println!("{table:?}: {named} of {} flips are named", bytes.len().div_ceil(every));
        fs::write(&file.path, &bytes).unwrap();
    }
}
