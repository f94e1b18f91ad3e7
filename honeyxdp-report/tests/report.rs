//! The report of a year whose truth is known, and of one that was written to do harm.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::IpAddr,
    path::Path,
    process::Command,
};

use honeyxdp_archive::{Archive, Row, Writer};
use honeyxdp_report::{
    period::Step,
    report::{self, Against, GeoFiles, Language, Profiles, Report, Request, Table, Value},
};
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use tempfile::TempDir;

fn request(folder: &Path, out: &Path) -> Request {
    Request {
        archive: folder.into(),
        period: None,
        against: Against::Before,
        zone: TimeZone::UTC,
        bucket: Step::Day,
        home: "JP".into(),
        ports: vec![52869],
        profiles: Profiles::own().unwrap(),
        geo: GeoFiles::default(),
        language: Language::En,
        out: out.into(),
        rollups: None,
        memory: 256 << 20,
        threads: 2,
        png: false,
    }
}

fn make(request: &Request) -> anyhow::Result<Report> {
    report::make(request, &|_, _| ())
}

/// Seventy days with a few thousand rows.
fn year() -> (TempDir, Json) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_owned();
    let truth =
        honeyxdp_year::make(&honeyxdp_year::Request { out, rows: 20_000, scale: Some(0.003), seed: 1, days: 70 });
    (folder, truth.unwrap())
}

fn named<'a>(report: &'a Report, name: &str) -> &'a Table {
    report.tables.iter().find(|table| table.name == name).unwrap()
}

/// Rows as text by the columns that name them, with the count in another column.
fn counts(table: &Table, keys: &[&str], value: &str) -> BTreeMap<Vec<String>, u64> {
    let place = |name: &str| table.columns.iter().position(|column| column == name).unwrap();
    let text = |value: &Value| match value {
        Value::None => "-".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.clone(),
    };
    let mut counts = BTreeMap::new();
    for row in &table.rows {
        let Value::Integer(count) = row[place(value)] else { panic!("{value} is no count in {row:?}") };
        let key: Vec<_> = keys.iter().map(|key| text(&row[place(key)])).collect();
        assert!(counts.insert(key, u64::try_from(count).unwrap()).is_none(), "twice: {row:?}");
    }
    counts
}

fn number(value: &Json) -> u64 {
    value.as_u64().unwrap()
}

/// What the truth says per day and name, with all but the first ten names as one.
fn first_ten(days: &[Json], of_names: &Json, order: impl Fn(&str) -> u64, numeric: bool) -> BTreeMap<Vec<String>, u64> {
    let mut names: Vec<&String> = of_names.as_object().unwrap().keys().filter(|name| *name != "ZZ").collect();
    names.sort_by_key(|name| {
        let number = if numeric { name.parse::<u64>().unwrap() } else { 0 };
        (std::cmp::Reverse(order(name)), number, (*name).clone())
    });
    let best: BTreeSet<&String> = names.into_iter().take(10).collect();
    let mut counts = BTreeMap::new();
    for (name, values) in of_names.as_object().unwrap() {
        let shown = if best.contains(name) { name.as_str() } else { "-" };
        for (day, value) in days.iter().zip(values.as_array().unwrap()) {
            if number(value) > 0 {
                *counts.entry(vec![day.as_str().unwrap().to_owned(), shown.to_owned()]).or_default() += number(value);
            }
        }
    }
    counts
}

fn of_family(counts: BTreeMap<Vec<String>, u64>, family: &str) -> BTreeMap<Vec<String>, u64> {
    let own = counts.into_iter().filter(|(key, _)| key[0] == family);
    own.map(|(key, count)| (key[1..].to_vec(), count)).collect()
}

#[test]
fn every_number_is_the_truth() {
    let (folder, truth) = year();
    let out = folder.path().join("report");
    let mut asked = request(&folder.path().join("archive"), &out);
    asked.period = Some("2019".parse().unwrap());
    let report = make(&asked).unwrap();
    let days = truth["days"].as_array().unwrap();
    assert_eq!(report.days.0, days.len());

    for (family, of_family_truth) in truth["families"].as_object().unwrap() {
        let total = |column| counts(named(&report, "totals"), &["family"], column)[&vec![family.clone()]];
        for column in ["packets", "flows", "sources", "ipv6", "home"] {
            assert_eq!(total(column), number(&of_family_truth[column]), "{family} {column}");
        }
        // Figures 1 and 4.
        let ports = &of_family_truth["packets_by_day_and_port"];
        let sum = |port: &str| ports[port].as_array().unwrap().iter().map(number).sum();
        assert_eq!(
            of_family(counts(named(&report, "packets_by_port"), &["family", "bucket", "dport"], "packets"), family),
            first_ten(days, ports, sum, true),
            "{family}"
        );
        // Figures 2 and 5.
        let sources = of_family(counts(named(&report, "sources"), &["family", "bucket"], "sources"), family);
        let by_day = of_family_truth["sources_by_day"].as_array().unwrap();
        let expected = days.iter().zip(by_day).filter(|(_, count)| number(count) > 0);
        let expected = expected.map(|(day, count)| (vec![day.as_str().unwrap().to_owned()], number(count)));
        assert_eq!(sources, expected.collect(), "{family}");
        // Figures 3 and 6.
        let in_period = &of_family_truth["sources_by_country"];
        assert_eq!(
            of_family(
                counts(named(&report, "sources_by_country"), &["family", "bucket", "country"], "sources"),
                family
            ),
            first_ten(
                days,
                &of_family_truth["sources_by_day_and_country"],
                |country| number(&in_period[country]),
                false
            ),
            "{family}"
        );
    }
    // Figure 7.
    for place in ["world", "home"] {
        let found = counts(named(&report, "kinds"), &["kind", "bucket"], place);
        for (kind, values) in truth["kinds"]["52869"][place].as_object().unwrap() {
            for (day, value) in days.iter().zip(values.as_array().unwrap()) {
                let key = vec![kind.clone(), day.as_str().unwrap().to_owned()];
                assert_eq!(found.get(&key).copied().unwrap_or(0), number(value), "{place} {key:?}");
            }
        }
    }
    // What was lost.
    let losses = named(&report, "losses");
    for (sensor, packets) in truth["packets_by_sensor"].as_object().unwrap() {
        let column = |name| counts(losses, &["sensor"], name)[&vec![sensor.clone()]];
        assert_eq!(column("in_records"), number(packets));
        assert_eq!(column("lost"), 3 * days.len() as u64);
        assert_eq!(column("syns"), column("in_records") + column("lost"));
    }
    for name in ["report.html", "figure-1.svg", "figure-7-52869-home.svg", "totals.csv", "rules.json"] {
        assert!(out.join(name).exists(), "{name}");
    }
    assert!(!fs::read_dir(&out).unwrap().any(|file| file.unwrap().file_name().as_encoded_bytes().starts_with(b".")));
}

#[test]
fn sources_of_a_month_count_once_and_rollups_change_nothing() {
    let (folder, truth) = year();
    let mut asked = request(&folder.path().join("archive"), &folder.path().join("report"));
    asked.bucket = Step::Month;
    asked.rollups = Some(folder.path().join("rollups"));
    let first = make(&asked).unwrap();
    for (family, expected) in truth["families"].as_object().unwrap() {
        let found = of_family(counts(named(&first, "sources"), &["family", "bucket"], "sources"), family);
        let months = expected["sources_by_month"].as_array().unwrap().iter().map(number);
        assert_eq!(found.into_values().collect::<Vec<_>>(), months.collect::<Vec<_>>(), "{family}");
    }
    assert_eq!(first.days, (70, 0));
    let second = make(&asked).unwrap();
    assert_eq!(second.days, (70, 70));
    for (a, b) in first.tables.iter().zip(&second.tables) {
        assert_eq!(a.rows, b.rows, "{}", a.name);
    }
}

#[test]
fn days_of_a_time_zone_hold_every_row_once() {
    let (folder, truth) = year();
    let mut asked = request(&folder.path().join("archive"), &folder.path().join("report"));
    asked.zone = TimeZone::get("Asia/Tokyo").unwrap();
    asked.period = Some("2019-01-01..2019-03-12".parse().unwrap());
    let report = make(&asked).unwrap();
    let flows: u64 = counts(named(&report, "totals"), &["family"], "flows").values().sum();
    assert_eq!(
        flows,
        number(&truth["rows"]),
        "all but the first nine hours are in it, and these are on 1 January there"
    );
    let by_port = |report: &Report| counts(named(report, "packets_by_port"), &["family", "bucket", "dport"], "packets");
    let tokyo = by_port(&report);
    asked.zone = TimeZone::UTC;
    assert_ne!(tokyo, by_port(&make(&asked).unwrap()));
}

const HOSTILE: &str =
    "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\u{0}\u{1b}[2J\u{202e}'\"&";

/// An archive whose texts are chosen by somebody who writes to it.
fn hostile() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::new(folder.path().join("archive"));
    let mut writer = Writer::open(&archive, "<b>sensor</b>", 100).unwrap();
    for (number, family) in ["mirai", HOSTILE, "../../../etc/passwd", ""].into_iter().enumerate() {
        writer
            .push(Row {
                interval_start: 1_546_300_800_000,
                interval_end: 1_546_300_860_000,
                family,
                rule: HOSTILE,
                settled: Some(HOSTILE),
                src: IpAddr::from([198, 18, 0, u8::try_from(number).unwrap()]),
                dport: 52869,
                packets: 5,
                first: 1_546_300_800_000,
                last: 1_546_300_800_000,
                tags: 0,
                window: 0,
                ttl: 0,
                options_length: 0,
                options_head: 0,
                ip_id: 0,
                seq_first: 0,
                seq_last: 0,
                country: Some(*b"<'"),
                asn: None,
            })
            .unwrap();
    }
    writer.account(honeyxdp_archive::Loss { interval_start: 1_546_300_800_000, ..Default::default() });
    writer.flush().unwrap();
    folder
}

#[test]
fn text_of_an_attacker_is_text() {
    let folder = hostile();
    let out = folder.path().join("report");
    let mut asked = request(&folder.path().join("archive"), &out);
    asked.png = true;
    let report = make(&asked).unwrap();
    let html = fs::read_to_string(&report.page).unwrap();
    assert_eq!(html.matches("<script").count(), 2, "its data and its code");
    for wrong in ["<img", "<b>", "\u{0}", "\u{1b}", "\u{202e}"] {
        assert!(!html.contains(wrong), "{wrong:?}");
    }
    for file in fs::read_dir(&out).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => assert!(!String::from_utf8(bytes).unwrap().contains("<img")),
            Some("json") => drop(serde_json::from_slice::<Json>(&bytes).unwrap()),
            Some("csv") => assert!(!bytes.contains(&0) && !bytes.contains(&0x1b)),
            Some("png") => assert!(bytes.starts_with(b"\x89PNG")),
            _ => assert!(path.ends_with("report.html"), "{}", path.display()),
        }
    }
    assert!(!folder.path().join("etc").exists());
}

#[test]
fn a_real_browser_runs_the_page_under_its_own_policy() {
    let folder = hostile();
    let report = make(&request(&folder.path().join("archive"), &folder.path().join("report"))).unwrap();
    let browser = Command::new("chromium")
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", report.page.display()))
        .env("HOME", folder.path())
        .output()
        .expect("Debian's chromium");
    let page = String::from_utf8_lossy(&browser.stdout);
    let log = String::from_utf8_lossy(&browser.stderr);
    assert!(page.contains("aria-pressed=\"true\"") || page.contains("tabindex=\"0\""), "the script ran: {log}");
    assert!(page.contains("<title>Observation report: 2019-01-01</title>"), "no text became a script");
    assert!(!page.contains("<img") && !log.contains("Content Security Policy") && !log.contains("Uncaught"), "{log}");
}

#[test]
fn errors_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let error = |request: &Request| format!("{:#}", make(request).unwrap_err());
    let mut asked = request(folder.path(), &folder.path().join("out"));
    assert!(error(&asked).contains("--archive"), "{}", error(&asked));
    asked.home = "Japan".into();
    assert!(error(&asked).contains("ISO 3166"));
    let program = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_honeyxdp-report")).arg("report").args(args).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(program(&[]).0, Some(2), "wrong usage");
    assert_eq!(program(&["--archive", "/nonexistent", "--out", "/tmp", "--memory", "1"]).0, Some(2));
    let (status, message) = program(&["--archive", "/nonexistent", "--out", "/tmp", "--tz", "Mars/Base"]);
    assert!(status == Some(1) && message.contains("Asia/Tokyo"), "{message}");
}
