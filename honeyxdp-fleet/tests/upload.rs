//! Uploads to a directory: what is there, what is removed, and when.

use std::{collections::BTreeSet, fs, path::Path};

use honeyxdp_archive::{AccountingRow, Archive, FlowRow, Table, Writer, check, compact};
use honeyxdp_fleet::{
    Place,
    fetch::{Wanted, fetch},
    upload::{Pass, Uploader},
};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

/// 2019-11-05T00:00:00Z.
const DAY: i64 = 1_572_912_000_000;
const HOUR: i64 = 3_600_000;
/// Files get their numbers from the clock, and are merged when their hour is over.
const LATER: SignedDuration = SignedDuration::from_hours(30);

fn row(source: u32, time: i64) -> FlowRow {
    FlowRow {
        interval_start: time,
        interval_end: time + 1_000,
        family: "mirai",
        rule_id: "mirai/1",
        attributed_family: None,
        src: std::net::Ipv4Addr::from(source).into(),
        protocol: honeyxdp_archive::TCP,
        src_port_first: None,
        src_port_last: None,
        dst_port: 23,
        packets: 1,
        first_seen: time,
        last_seen: time,
        matched: 2,
        tcp_window: 1,
        ttl: 64,
        dont_fragment: None,
        options_length: 0,
        options_head: 0,
        ip_id: 0,
        seq_first: 0,
        seq_last: 0,
        country: None,
        asn: None,
    }
}

/// Writes a file of one row, and its account, for each of some times.
fn fill(directory: &Path, sensor: &str, times: impl IntoIterator<Item = i64>) {
    let mut writer = Writer::open(&Archive::new(directory), sensor, 10).unwrap();
    for time in times {
        writer.push(row(0xC612_0001, time)).unwrap();
        writer.account(AccountingRow {
            interval_start: time,
            interval_end: time + 1_000,
            syns: 1,
            packets: 1,
            ..AccountingRow::default()
        });
        writer.flush().unwrap();
    }
}

fn uploader(from: &Path, to: &Path) -> Uploader {
    Uploader::new(Archive::new(from), Place::open(to.to_str().unwrap()).unwrap(), None, None)
}

fn now<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn pass(uploader: &mut Uploader, at: Timestamp) -> anyhow::Result<Pass> {
    now(uploader.pass(at, &|_, _| ()))
}

/// Names of a table's files, all of them.
fn names(directory: &Path, table: Table) -> BTreeSet<String> {
    let archive = Archive::new(directory);
    let dates = archive.dates(table).unwrap();
    dates
        .into_iter()
        .flat_map(|date| archive.all_files(table, date).unwrap())
        .map(|file| file.name.to_string())
        .collect()
}

fn directories() -> (TempDir, TempDir) {
    (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap())
}

#[test]
fn a_file_is_there_once_however_often_it_is_sent_and_in_whatever_form() {
    let (here, there) = directories();
    fill(here.path(), "a", [DAY, DAY + HOUR, DAY + 2 * HOUR]);
    let mut first = uploader(here.path(), there.path());
    assert_eq!(first.waiting().unwrap().0, 6);
    let done = pass(&mut first, Timestamp::now()).unwrap();
    assert_eq!((done.files, done.merged, done.gone), (6, 0, 0));
    assert_eq!(pass(&mut first, Timestamp::now()).unwrap(), Pass::default());
    assert_eq!(first.waiting().unwrap(), (0, 0));
    // One that knows nothing asks.
    let mut second = uploader(here.path(), there.path());
    assert_eq!(pass(&mut second, Timestamp::now()).unwrap(), Pass::default());
    assert_eq!(names(here.path(), Table::Flows), names(there.path(), Table::Flows));

    // Merged here, by one that knows what is there and by one that asks: the parts go, the rows stay.
    for (uploader, more) in [(&mut first, DAY + 3 * HOUR), (&mut second, DAY + 4 * HOUR)] {
        fill(here.path(), "a", [more, more + 1_000]);
        compact(&Archive::new(here.path()), Timestamp::now() + LATER, |_| {}).unwrap();
        let done = pass(uploader, Timestamp::now()).unwrap();
        assert!(done.files == 2 && done.merged > 0, "{done:?}");
        for table in [Table::Flows, Table::Accounting] {
            assert_eq!(names(here.path(), table), names(there.path(), table));
        }
    }
    let checked = check(&Archive::new(there.path())).unwrap();
    assert_eq!((checked.problems, checked.leftovers.len(), checked.packets), (vec![], 0, 7));
}

#[test]
fn what_a_killed_upload_left_is_removed_by_the_next_one() {
    let (here, there) = directories();
    fill(here.path(), "a", [DAY, DAY + 1_000]);
    pass(&mut uploader(here.path(), there.path()), Timestamp::now()).unwrap();
    let parts = names(there.path(), Table::Flows);
    compact(&Archive::new(here.path()), Timestamp::now() + LATER, |_| {}).unwrap();
    // As if it had been killed after it sent the merged file and before it removed the parts.
    let archive = Archive::new(here.path());
    let date = archive.dates(Table::Flows).unwrap()[0];
    let merged = &archive.files(Table::Flows, date).unwrap()[0];
    fs::copy(&merged.path, Archive::new(there.path()).directory(Table::Flows, date).join(merged.name.to_string()))
        .unwrap();
    assert_eq!(check(&Archive::new(there.path())).unwrap().packets, 2, "readers go by the names");
    let done = pass(&mut uploader(here.path(), there.path()), Timestamp::now()).unwrap();
    assert_eq!((done.files, done.merged), (1, 4), "the accounts, and the parts of both tables");
    assert!(names(there.path(), Table::Flows).is_disjoint(&parts));
}

#[test]
fn files_are_released_when_the_other_side_has_them_and_not_before() {
    let (here, there) = directories();
    fill(here.path(), "a", [DAY, DAY + 24 * HOUR, DAY + 48 * HOUR]);
    let at = |hours| Timestamp::from_millisecond(DAY + hours * HOUR).unwrap();
    let release = Some(SignedDuration::from_hours(24));
    let place = || Place::open(there.path().to_str().unwrap()).unwrap();
    let mut uploader = Uploader::new(Archive::new(here.path()), place(), None, release);
    assert_eq!(pass(&mut uploader, at(47)).unwrap().released, 0, "the first date ended 23 hours ago");
    let done = pass(&mut uploader, at(49)).unwrap();
    assert_eq!((done.released, names(here.path(), Table::Flows).len()), (2, 2));
    // Lost there: it is not removed here, and sent again.
    let date = Archive::new(there.path()).dates(Table::Flows).unwrap()[1];
    fs::remove_dir_all(Archive::new(there.path()).directory(Table::Flows, date)).unwrap();
    let done = pass(&mut uploader, at(1_000)).unwrap();
    assert_eq!((done.released, names(here.path(), Table::Flows).len()), (1, 2), "the accounts are there");
    let done = pass(&mut uploader, at(1_000)).unwrap();
    assert_eq!((done.files, done.released), (1, 1));
    // The newest date stays: the sensor goes on from it.
    assert_eq!((names(here.path(), Table::Flows).len(), names(here.path(), Table::Accounting).len()), (1, 1));
    let checked = check(&Archive::new(there.path())).unwrap();
    assert_eq!((checked.problems, checked.packets), (vec![], 3));
}

#[test]
fn a_large_file_goes_in_parts_and_arrives_whole() {
    let (here, there) = directories();
    let mut writer = Writer::open(&Archive::new(here.path()), "a", 1 << 21).unwrap();
    // As random as it takes not to be compressed to nothing.
    let mut random = 1_u64;
    for number in 0..1_500_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = u32::try_from(random >> 32).unwrap();
        writer.push(FlowRow { seq_first: word, seq_last: !word, ..row(word, DAY + number / 100) }).unwrap();
    }
    writer.flush().unwrap();
    let mut uploader = uploader(here.path(), there.path());
    let (files, bytes) = uploader.waiting().unwrap();
    assert!(files == 1 && bytes > 9 << 20, "{bytes}");
    assert_eq!(pass(&mut uploader, Timestamp::now()).unwrap().bytes, bytes);
    let file = |directory: &Path| {
        let archive = Archive::new(directory);
        let date = archive.dates(Table::Flows).unwrap()[0];
        fs::read(&archive.files(Table::Flows, date).unwrap()[0].path).unwrap()
    };
    assert!(file(here.path()) == file(there.path()));
}

#[test]
fn two_machines_with_one_name_are_refused_and_nothing_is_written_over() {
    let (here, there) = directories();
    let other = tempfile::tempdir().unwrap();
    fill(here.path(), "a", [DAY]);
    fill(other.path(), "a", [DAY]);
    pass(&mut uploader(here.path(), there.path()), Timestamp::now()).unwrap();
    let refused = pass(&mut uploader(other.path(), there.path()), Timestamp::now()).unwrap_err().to_string();
    assert!(refused.contains("--sensor-id") && refused.contains("--take-over"), "{refused}");
    assert_eq!(names(there.path(), Table::Flows), names(here.path(), Table::Flows));
    // A new disk: whoever takes over keeps the name, and the one before is refused.
    pass(&mut uploader(other.path(), there.path()).taking_over(), Timestamp::now()).unwrap();
    pass(&mut uploader(other.path(), there.path()), Timestamp::now()).unwrap();
    assert!(pass(&mut uploader(here.path(), there.path()), Timestamp::now()).is_err());
    // One name with two contents is an error also where the claim is right.
    let name = names(other.path(), Table::Flows).into_iter().next().unwrap();
    let date = Archive::new(there.path()).dates(Table::Flows).unwrap()[0];
    fs::write(Archive::new(there.path()).directory(Table::Flows, date).join(name), "another file").unwrap();
    let refused = pass(&mut uploader(other.path(), there.path()), Timestamp::now()).unwrap_err().to_string();
    assert!(refused.contains("two machines have one name"), "{refused}");
}

#[test]
fn what_is_fetched_is_what_counts_and_comes_once() {
    let (here, there) = directories();
    let copy = tempfile::tempdir().unwrap();
    fill(here.path(), "a", [DAY, DAY + 24 * HOUR]);
    fill(here.path(), "b", [DAY]);
    pass(&mut uploader(here.path(), there.path()), Timestamp::now()).unwrap();
    let place = Place::open(there.path().to_str().unwrap()).unwrap();
    let all = Wanted { tables: &Table::ALL, from: None, to: None };
    let bring = |wanted| now(fetch(&place, copy.path(), wanted, &|_, _, _| ())).unwrap();
    let second = "2019-11-06".parse().unwrap();
    assert_eq!(bring(Wanted { from: Some(second), ..all }).files, 2);
    let done = bring(all);
    assert_eq!((done.files, done.known), (4, 2));
    // Merged there: the merged file comes, and its parts go.
    compact(&Archive::new(here.path()), Timestamp::now() + LATER, |_| {}).unwrap();
    fill(here.path(), "a", [DAY + 1_000]);
    compact(&Archive::new(here.path()), Timestamp::now() + LATER, |_| {}).unwrap();
    pass(&mut uploader(here.path(), there.path()), Timestamp::now()).unwrap();
    let done = bring(all);
    assert_eq!((done.files, done.merged), (2, 2), "{done:?}");
    let checked = check(&Archive::new(copy.path())).unwrap();
    assert_eq!((checked.problems, checked.packets, checked.leftovers.len()), (vec![], 4, 0));
}
