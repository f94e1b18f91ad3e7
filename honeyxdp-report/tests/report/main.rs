//! The report of a year whose truth is known, and of one that was written to do harm.

mod commands;
mod expected;
mod geo;
mod memory;
#[path = "../../../honeyxdp-archive/tests/mmdb/mod.rs"]
mod mmdb;
mod numbers;
mod payloads;
mod rollups;
mod sensors;

use std::{fs, net::IpAddr, path::Path, process::Command};

use honeyxdp_archive::{Archive, Attribution, Classification, FlowRow, PayloadRow, Writer};
use honeyxdp_report::{
    period::Step,
    report::{self, Against, GeoFiles, Language, Profiles, Report, Request, Scope, Table},
};
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use tempfile::TempDir;

fn request(directory: &Path, out: &Path) -> Request {
    Request {
        archive: directory.into(),
        engine: None,
        scope: Scope::default(),
        by_sensor: false,
        period: None,
        against: Against::Before,
        zone: TimeZone::UTC,
        bucket: Step::Day,
        home: "JP".into(),
        ports: vec![52869],
        profiles: Profiles::own().unwrap(),
        geo: GeoFiles::default(),
        show_passwords: false,
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

fn named<'a>(report: &'a Report, name: &str) -> &'a Table {
    report.tables.iter().find(|table| table.name == name).unwrap()
}

const HOSTILE: &str =
    "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\u{0}\u{1b}[2J\u{202e}'\"&";

/// A row of 1 January 2019 at the port of figure 7.
fn row(family: &'static str, src: IpAddr, packets: u32) -> FlowRow {
    const NEW_YEAR: i64 = 1_546_300_800_000;
    FlowRow {
        interval_start: NEW_YEAR,
        interval_end: NEW_YEAR + 60_000,
        family,
        rule_id: "test/1",
        attributed_family: None,
        src,
        protocol: honeyxdp_archive::TCP,
        src_port_first: None,
        src_port_last: None,
        dst_port: 52869,
        packets,
        first_seen: NEW_YEAR,
        last_seen: NEW_YEAR,
        matched: 0,
        tcp_window: 0,
        ttl: 0,
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

/// An archive whose texts are chosen by somebody who writes to it.
fn hostile() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path().join("archive"));
    let mut writer = Writer::open(&archive, "<b>sensor</b>", 100).unwrap();
    for (number, family) in ["mirai", HOSTILE, "../../../etc/passwd", ""].into_iter().enumerate() {
        let row = row(family, IpAddr::from([198, 18, 0, u8::try_from(number).unwrap()]), 5);
        writer
            .push(FlowRow { rule_id: HOSTILE, attributed_family: Some(HOSTILE), country: Some(*b"<'"), ..row })
            .unwrap();
        let label = || Classification { name: HOSTILE.into(), rule_id: HOSTILE.into(), confidence: '<' };
        let [url_host, url_path, url_file, username, password] =
            ["", "/", "=", "root", "+"].map(|begin| Some(format!("{begin}{HOSTILE}")));
        let exploit = Some(label());
        let payload = payloads::payload(row.src, Attribution::ByPayload(label()));
        writer
            .push_payload(PayloadRow { exploit, url_host, url_path, url_file, username, password, ..payload })
            .unwrap();
    }
    writer.account(honeyxdp_archive::AccountingRow { interval_start: 1_546_300_800_000, ..Default::default() });
    writer.flush().unwrap();
    directory
}

#[test]
fn text_of_an_attacker_is_text() {
    let directory = hostile();
    let out = directory.path().join("report");
    let mut asked = request(&directory.path().join("archive"), &out);
    asked.png = true;
    asked.show_passwords = true;
    let report = make(&asked).unwrap();
    let html = fs::read_to_string(&report.page).unwrap();
    assert_eq!(html.matches("<script").count(), 2, "its data and its code");
    for wrong in ["<img", "<b>", "\u{0}", "\u{1b}", "\u{202e}"] {
        assert!(!html.contains(wrong), "{wrong:?}");
    }
    for field in ["/&lt;/script&gt;", "=&lt;/script&gt;", "root&lt;/script&gt;", "+&lt;/script&gt;"] {
        assert!(html.contains(field), "{field} is shown as it is");
    }
    for table in ["droppers", "logins"] {
        let csv = fs::read_to_string(out.join(format!("{table}.csv"))).unwrap();
        assert!(csv.contains(",\"'=") || csv.contains(",\"'+"), "{csv}");
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
    assert!(!directory.path().join("etc").exists());
}

#[test]
fn a_real_browser_runs_the_page_under_its_own_policy() {
    let directory = hostile();
    let mut asked = request(&directory.path().join("archive"), &directory.path().join("report"));
    asked.show_passwords = true;
    let report = make(&asked).unwrap();
    let browser = Command::new("chromium")
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", directory.path().join("profile").display()))
        .arg(format!("file://{}", report.page.display()))
        .env("HOME", directory.path())
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
    let directory = tempfile::tempdir().unwrap();
    let error = |request: &Request| format!("{:#}", make(request).unwrap_err());
    let mut asked = request(directory.path(), &directory.path().join("out"));
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

#[test]
fn a_damaged_file_ends_the_report_and_is_not_passed_over() {
    for table in [honeyxdp_archive::Table::Flows, honeyxdp_archive::Table::Payloads] {
        let directory = hostile();
        let archive = Archive::new(directory.path().join("archive"));
        let date = archive.dates(table).unwrap()[0];
        let file = archive.files(table, date).unwrap().remove(0);
        fs::File::options().write(true).open(&file.path).unwrap().set_len(file.bytes - 100).unwrap();
        let error = make(&request(archive.root(), &directory.path().join("out"))).unwrap_err();
        assert!(format!("{error:#}").contains("2019-01-01 (`honeyxdp archive check`"), "{error:#}");
    }
}
