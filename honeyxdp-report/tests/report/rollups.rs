//! Kept roll-ups are used when they are right, and only then.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use honeyxdp_archive::{Archive, Attribution, PayloadRow, Writer};
use honeyxdp_report::report::{Report, Request};
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use tempfile::TempDir;

use crate::{make, named, numbers::found, payloads::payload, request, row};

const DAYS: u16 = 33;

/// Days of two months, and a report that keeps its roll-ups.
fn days() -> (TempDir, Request) {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_owned();
    let wanted = honeyxdp_year::Request { out, rows: 4_000, scale: Some(0.002), seed: 5, years: 1, days: DAYS };
    honeyxdp_year::make(&wanted).unwrap();
    let mut asked = request(&directory.path().join("archive"), &directory.path().join("report"));
    asked.rollups = Some(directory.path().join("rollups"));
    asked.show_passwords = true;
    (directory, asked)
}

fn assert_same(report: &Report, other: &Report) {
    assert_eq!(report.tables.len(), other.tables.len());
    for table in &report.tables {
        assert_eq!(found(report, &table.name), found(other, &table.name), "{}", table.name);
    }
}

/// The report from the rows alone.
fn right(asked: &Request) -> Report {
    make(&Request { rollups: None, out: asked.out.with_extension("right"), ..asked.clone() }).unwrap()
}

/// Makes a report that has to be like another one. Returns how many days were known.
fn known_as(asked: &Request, right: &Report) -> usize {
    let report = make(asked).unwrap();
    assert_same(&report, right);
    assert_eq!(report.days.0, usize::from(DAYS));
    report.days.1
}

fn known(asked: &Request) -> usize {
    known_as(asked, &right(asked))
}

fn files(asked: &Request) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(asked.rollups.as_ref().unwrap()).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn another_file_or_another_question_is_rolled_up_anew() {
    let (_directory, mut asked) = days();
    let all = usize::from(DAYS);
    assert_eq!(known(&asked), 0);
    assert_eq!(known(&asked), all);

    let archive = Archive::new(&asked.archive);
    let mut writer = Writer::open(&archive, "another", 100).unwrap();
    writer.push(row("mirai", IpAddr::from([198, 18, 0, 1]), 7)).unwrap();
    writer.account(honeyxdp_archive::AccountingRow {
        interval_start: row("", [0; 4].into(), 0).first_seen,
        ..Default::default()
    });
    writer.flush().unwrap();
    writer.push(row("mirai", IpAddr::from([198, 18, 0, 2]), 7)).unwrap();
    writer.flush().unwrap();
    drop(writer);
    assert_eq!(known(&asked), all - 1, "1 January has more files");

    let later = Timestamp::now() + 2.hours();
    honeyxdp_archive::compact(&archive, later, |_| ()).unwrap();
    assert_eq!(known(&asked), all - 1, "and then one of its files stands for two");
    assert_eq!(known(&asked), all);

    let mut writer = Writer::open(&archive, "another", 100).unwrap();
    writer.push_payload(payload(IpAddr::from([198, 18, 0, 1]), Attribution::Unattributed)).unwrap();
    writer.flush().unwrap();
    drop(writer);
    assert_eq!(known(&asked), all - 1, "1 January has more payloads");

    asked.ports = vec![23, 80];
    assert_eq!(known(&asked), 0, "other ports");
    asked.zone = TimeZone::get("America/Sao_Paulo").unwrap();
    asked.period = Some("2019-01-01..2019-02-02".parse().unwrap());
    assert_eq!(known(&asked), 0, "other hours");
    asked.zone = TimeZone::UTC;
    assert_eq!(known(&asked), all);
    asked.ports = vec![52869];
    assert_eq!(known(&asked), all, "what was asked before is still there");
}

#[test]
fn what_is_broken_is_made_again() {
    let (_directory, asked) = days();
    let right = make(&asked).unwrap();
    let all = usize::from(DAYS);
    let damages: [fn(&Path); 4] = [
        |file| {
            fs::File::options().write(true).open(file).unwrap().set_len(fs::metadata(file).unwrap().len() / 2).unwrap();
        },
        |file| {
            let mut bytes = fs::read(file).unwrap();
            let middle = bytes.len() / 3;
            bytes[middle] ^= 0x10;
            fs::write(file, bytes).unwrap();
        },
        |file| fs::write(file, vec![0; usize::try_from(fs::metadata(file).unwrap().len()).unwrap()]).unwrap(),
        |file| fs::remove_file(file).unwrap(),
    ];
    for damage in damages {
        // A day's sources, its seal, and a month's.
        for (name, ending, left) in [
            ("2019-01-03-", ".sources.parquet", all - 1),
            ("2019-01-04-", ".seal", all - 1),
            ("2019-01-", ".month_sources.parquet", all),
        ] {
            let is_it = |file: &&PathBuf| {
                let file = file.file_name().unwrap().to_str().unwrap();
                file.starts_with(name) && file.ends_with(ending)
            };
            for file in files(&asked).iter().filter(is_it) {
                damage(file);
            }
            assert_eq!(known_as(&asked, &right), left, "{name} {ending}");
        }
    }
    assert_eq!(known_as(&asked, &right), all);
}

#[test]
fn reports_at_the_same_time_share_a_directory() {
    let (directory, asked) = days();
    let expected = right(&asked);
    thread::scope(|scope| {
        let reports: Vec<_> = (0..4)
            .map(|number| {
                let asked = Request { out: directory.path().join(format!("report-{number}")), ..asked.clone() };
                scope.spawn(move || make(&asked).unwrap())
            })
            .collect();
        for report in reports {
            assert_same(&report.join().unwrap(), &expected);
        }
    });
    assert_eq!(known_as(&asked, &expected), usize::from(DAYS));
}

#[test]
fn a_kill_leaves_nothing_wrong() {
    let (directory, asked) = days();
    let (mut interrupted, mut delay) = (0, 50);
    loop {
        let mut report = Command::new(env!("CARGO_BIN_EXE_honeyxdp-report"))
            .args(["report", "--no-png", "--archive"])
            .arg(&asked.archive)
            .arg("--rollups")
            .arg(asked.rollups.as_ref().unwrap())
            .arg("--out")
            .arg(directory.path().join("killed"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(delay));
        if report.try_wait().unwrap().is_some() {
            break;
        }
        report.kill().unwrap();
        report.wait().unwrap();
        interrupted += 1;
        delay = delay * 3 / 2;
    }
    assert!(interrupted > 1, "it was killed in the middle");
    known(&asked);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let (directory, mut asked) = days();
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    // The second one is there, and not even root makes a file in it.
    for rollups in [file.join("rollups"), "/proc/self".into()] {
        asked.rollups = Some(rollups.clone());
        let error = format!("{:#}", make(&asked).unwrap_err());
        assert!(error.contains(rollups.to_str().unwrap()) && !error.contains('\n'), "{error}");
        assert!(error.contains("--rollups"), "{error}");
    }
}

#[test]
fn files_that_are_merged_while_they_are_read_are_read_again() {
    const FILES: u8 = 4;
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path().join("archive"));
    let mut writer = Writer::open(&archive, "sensor", 100).unwrap();
    for file in 0..FILES {
        for day in 0..DAYS {
            let mut row = row("mirai", IpAddr::from([198, 18, file, u8::try_from(day).unwrap()]), 1);
            row.first_seen += i64::from(day) * 86_400_000;
            row.last_seen = row.first_seen;
            writer.push(row).unwrap();
            let sent = PayloadRow { time: row.first_seen, ..payload(row.src, Attribution::Unattributed) };
            writer.push_payload(sent).unwrap();
            writer.account(honeyxdp_archive::AccountingRow {
                interval_start: row.first_seen,
                syns: 1,
                packets: 1,
                ..Default::default()
            });
        }
        writer.flush().unwrap();
    }
    let mut asked = request(archive.root(), &directory.path().join("report"));
    asked.threads = 1;
    let right = right(&asked);
    // When the first day is done, those of the others are merged.
    let merge = |done, _| {
        if done == 1 {
            let merged = honeyxdp_archive::compact(&archive, Timestamp::now() + 2.hours(), |_| ()).unwrap();
            assert!(merged.merged >= 3 * u64::from(FILES) * u64::from(DAYS), "{merged:?}");
        }
    };
    let report = honeyxdp_report::report::make(&asked, &merge).unwrap();
    assert_same(&report, &right);
    assert_eq!(named(&report, "totals").rows.len(), 1);
    let all = (u64::from(FILES) * u64::from(DAYS)).to_string();
    assert_eq!(found(&report, "payloads").first().map(|row| row[3].clone()), Some(all));
}
