//! A fleet's status, from accounts that were made up.

use honeyxdp_archive::{AccountingRow, Archive, Writer};
use honeyxdp_fleet::status::{Limits, State, Status, read, table};
use jiff::{SignedDuration, Timestamp};

/// 2019-11-05T00:00:00Z.
const BEGIN: i64 = 1_572_912_000_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// A week of a sensor in minutes, without those that `misses` says; `syns` are those of a minute of a day.
fn week(archive: &Archive, sensor: &str, site: Option<&str>, misses: impl Fn(i64) -> bool, syns: impl Fn(i64) -> u64) {
    let mut writer = Writer::open(archive, sensor, 10).unwrap();
    writer.at_site(site);
    for minute in (0..7 * 24 * 60).filter(|minute| !misses(*minute)) {
        let (interval_start, syns) = (BEGIN + minute * MINUTE, syns(minute / (24 * 60)));
        let interval_end = interval_start + MINUTE;
        writer.account(AccountingRow {
            interval_start,
            interval_end,
            syns,
            packets: syns - 1,
            lost: 1,
            ..AccountingRow::default()
        });
    }
    writer.flush().unwrap();
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap()
}

fn status(archive: &Archive, from: i64, to: i64) -> Status {
    read(archive, at(from), at(to), Limits { silent: SignedDuration::from_mins(30) }).unwrap()
}

#[test]
fn it_says_who_was_up_when_who_fell_silent_and_who_sees_what_others_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path());
    let never = |_| false;
    // All see twice as much on the fourth day; sizes differ.
    let usual = |size: u64| move |day| if day == 3 { 2 * size } else { size };
    week(&archive, "a", Some("tokyo"), never, usual(10));
    week(&archive, "b", Some("tokyo"), |minute| (600..720).contains(&minute), usual(1_000));
    week(&archive, "c", None, |minute| minute >= 6 * 24 * 60, usual(50));
    // Its veth was in the wrong socket on the fifth day.
    week(&archive, "<d>", Some("osaka"), never, |day| if day == 4 { 3 } else { usual(100)(day) });
    let status = status(&archive, BEGIN, BEGIN + 7 * DAY);

    let order: Vec<_> = status.sensors.iter().map(|sensor| (sensor.site.as_deref(), sensor.sensor.as_str())).collect();
    assert_eq!(order, [(None, "c"), (Some("osaka"), "<d>"), (Some("tokyo"), "a"), (Some("tokyo"), "b")]);
    let [c, d, a, b] = &status.sensors[..] else { panic!("there are four") };
    assert_eq!((a.state, a.counted_seconds, a.missing_seconds), (State::Up, 7 * 86_400, 0));
    assert_eq!((a.syns, a.not_in_rows), (10 * 8 * 1_440, 7 * 1_440));
    assert_eq!((b.missing_seconds, b.gaps.len()), (7_200, 1));
    assert_eq!((b.gaps[0].from, b.gaps[0].to), (at(BEGIN + 600 * MINUTE), at(BEGIN + 720 * MINUTE)));
    assert_eq!((c.state, c.last, c.missing_seconds), (State::Silent, at(BEGIN + 6 * DAY), 86_400));
    let wrong: Vec<_> = [a, b, c, d]
        .iter()
        .flat_map(|sensor| {
            sensor.days.iter().filter(|day| day.disagrees()).map(|day| (sensor.sensor.as_str(), day.date))
        })
        .collect();
    assert_eq!(wrong, [("<d>", "2019-11-09".parse().unwrap())], "and nobody on the day that is twice as much for all");

    let text = table(&status);
    for line in [
        "silent for 24 h",
        "b: nothing counted from 2019-11-05T10:00:00Z to 2019-11-05T12:00:00Z, 2 h",
        "33 times fewer",
    ] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    assert!(text.contains("####!##") && text.contains("+######") && text.contains("######."), "{text}");
}

#[test]
fn only_what_lies_in_the_span_counts() {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path());
    week(&archive, "a", None, |_| false, |_| 10);
    week(&archive, "gone", None, |minute| minute > 60, |_| 10);
    let status = status(&archive, BEGIN + 5 * DAY + MINUTE / 2, BEGIN + 7 * DAY + 10 * MINUTE);
    let [a] = &status.sensors[..] else { panic!("{status:?}") };
    // The interval that had begun counts by what is left of it, and its SYNs with it.
    assert_eq!((a.counted_seconds, a.state, a.gaps.len()), (2 * 86_400 - 30, State::Up, 0));
    assert_eq!((a.syns, a.days.len()), (2 * 1_440 * 10, 3));
    assert_eq!(a.days[2].counted_seconds, 0);
}
