//! The page of a report in a real browser, under its own policy: what a reader clicks, points at and presses.

mod browser;

use std::{collections::BTreeMap, fs, path::Path};

use browser::Browser;
use honeyxdp_report::{
    period::Step,
    report::{self, Against, GeoFiles, Language, Profiles, Request, Scope},
};
use jiff::tz::TimeZone;
use serde_json::json;
use tempfile::TempDir;

/// Forty days in a report without PNG files.
fn forty_days(language: Language) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_owned();
    honeyxdp_year::make(&honeyxdp_year::Request { out, rows: 8_000, scale: Some(0.002), seed: 2, days: 40, years: 1 })
        .unwrap();
    let request = Request {
        archive: directory.path().join("archive"),
        engine: None,
        scope: Scope::default(),
        by_sensor: false,
        period: None,
        against: Against::Nothing,
        zone: TimeZone::UTC,
        bucket: Step::Day,
        home: "JP".into(),
        ports: vec![52869],
        profiles: Profiles::own().unwrap(),
        geo: GeoFiles::default(),
        show_passwords: false,
        language,
        out: directory.path().join("report"),
        rollups: None,
        memory: 256 << 20,
        threads: 2,
        png: false,
    };
    report::make(&request, &|_, _| ()).unwrap();
    directory
}

/// Mirai's SYNs of a day by port, from the file beside the page; all other ports have no name.
fn by_port(report: &Path, day: &str) -> BTreeMap<String, u64> {
    let csv = fs::read_to_string(report.join("packets_by_port.csv")).unwrap();
    let rows = csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.filter(|row| row[0] == day && row[1] == "mirai")
        .map(|row| (row[2].to_owned(), row[3].parse().unwrap()))
        .collect()
}

/// What the box beside figure 1 says: the day, and each series with its number, in the order of the stack.
fn shown(browser: &mut Browser) -> (String, Vec<(String, u64)>) {
    let box_ = browser.evaluate(
        "(() => { const box = document.querySelector('#figure-1 .values'); return box.hidden ? null : \
         [box.querySelector('strong').textContent, [...box.querySelectorAll('tr')].map((row) => \
         [...row.querySelectorAll('td')].slice(1).map((field) => field.textContent))]; })()",
    );
    let rows = box_[1].as_array().expect("the box is shown").iter();
    let rows = rows.map(|row| {
        let number = row[1].as_str().unwrap().replace(',', "").parse().unwrap();
        (row[0].as_str().unwrap().to_owned(), number)
    });
    (box_[0].as_str().unwrap().to_owned(), rows.collect())
}

/// The middle of an element, in the window.
fn middle(browser: &mut Browser, selector: &str) -> (f64, f64) {
    let place = browser.evaluate(&format!(
        "(() => {{ const box = document.querySelector('{selector}').getBoundingClientRect(); \
         return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
    ));
    (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
}

/// The middle of a day in the plot of figure 1, in the window.
fn middle_of_day(browser: &mut Browser, at: u32, days: u32) -> (f64, f64) {
    let place = browser.evaluate(&format!(
        "(() => {{ const svg = document.querySelector('#figure-1 svg'); \
         const [left, top, width, height] = svg.dataset.frame.split(' ').map(Number); \
         const point = new DOMPoint(left + width * ({at} + 0.5) / {days}, top + height / 2) \
         .matrixTransform(svg.getScreenCTM()); return [point.x, point.y]; }})()"
    ));
    (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
}

fn top_of_axis(browser: &mut Browser) -> u64 {
    let text = browser.evaluate("document.querySelector('#figure-1 .axis text:last-of-type').textContent");
    text.as_str().unwrap().replace(',', "").parse().unwrap()
}

#[test]
fn a_reader_points_clicks_and_presses_keys() {
    let directory = forty_days(Language::En);
    let report = directory.path().join("report");
    let mut browser = Browser::open(&report.join("report.html"), 1280, 900);
    browser.evaluate("document.getElementById('figure-1').scrollIntoView()");

    // The numbers at the pointer are those of the file.
    for (at, day) in [(0, "2019-01-01"), (20, "2019-01-21"), (39, "2019-02-09")] {
        let place = middle_of_day(&mut browser, at, 40);
        browser.point(place, false);
        let (shown_day, mut rows) = shown(&mut browser);
        let expected = by_port(&report, day);
        assert_eq!(shown_day, day);
        assert_eq!(rows.pop(), Some(("Σ".into(), expected.values().sum())), "{day}");
        let rows = rows.into_iter().filter(|(_, number)| *number > 0);
        let rows: BTreeMap<_, _> =
            rows.map(|(name, number)| (if name == "others" { String::new() } else { name }, number)).collect();
        assert_eq!(rows, expected, "{day}");
    }

    // Without its largest series the stack is lower, the axis follows, and the text of the peak as well.
    let peak = "document.querySelector('#figure-1 .peak').textContent";
    let (axis, first_peak) = (top_of_axis(&mut browser), browser.evaluate(peak));
    let path = "document.querySelector('#figure-1 path[data-series=\"0\"]').getAttribute('d')";
    let place_of_area = "(() => { const box = document.querySelector('#figure-1 path[data-series=\"0\"]').getBBox(); \
                         return [box.x, box.y, box.width, box.height].map(Math.round); })()";
    let drawn = browser.evaluate(place_of_area);
    let entry = middle(&mut browser, "#figure-1 [data-toggle=\"0\"] rect");
    let name = browser.evaluate("document.querySelector('#figure-1 [data-toggle=\"0\"] text').textContent");
    browser.point(entry, true);
    assert_eq!(browser.evaluate(path), json!(""));
    assert_eq!(
        browser.evaluate("document.querySelector('#figure-1 [data-toggle=\"0\"]').getAttribute('aria-pressed')"),
        json!("false")
    );
    assert!(top_of_axis(&mut browser) < axis);
    assert_ne!(browser.evaluate(peak), first_peak);
    let place = middle_of_day(&mut browser, 20, 40);
    browser.point(place, false);
    let (_, rows) = shown(&mut browser);
    assert!(rows.iter().all(|(shown, _)| name != json!(shown)), "{rows:?}");
    browser.point(entry, true);
    assert_eq!((top_of_axis(&mut browser), browser.evaluate(peak)), (axis, first_peak));
    assert_eq!(browser.evaluate(place_of_area), drawn, "the script draws as the program does");

    // The keyboard does the same.
    browser.evaluate("document.getElementById('figure-1').focus()");
    browser.press("Escape");
    assert_eq!(browser.evaluate("document.querySelector('#figure-1 .values').hidden"), json!(true));
    for (key, day) in [("ArrowRight", "2019-01-01"), ("ArrowRight", "2019-01-02"), ("ArrowLeft", "2019-01-01")] {
        browser.press(key);
        assert_eq!(shown(&mut browser).0, day);
    }
    browser.evaluate("document.querySelector('#figure-1 [data-toggle=\"1\"]').focus()");
    browser.press("Enter");
    assert_eq!(
        browser.evaluate("document.querySelector('#figure-1 path[data-series=\"1\"]').getAttribute('d')"),
        json!("")
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn everybody_can_read_it() {
    let directory = forty_days(Language::Ja);
    let page = directory.path().join("report/report.html");
    let mut browser = Browser::open(&page, 1280, 900);
    let titles = browser.evaluate("[...document.querySelectorAll('figure svg > title')].map((e) => e.textContent)");
    for title in [
        "図1 Mirai と推定される通信パケット数の推移",
        "図2 Mirai 亜種ユニーク送信元アドレス数の推移",
        "図3 Mirai 亜種ユニーク送信元アドレス数の国別推移",
        "図4 Hajime と推定される通信パケット数の推移",
        "図5 Hajime ユニーク送信元アドレス数の推移",
        "図6 Hajime ユニーク送信元アドレス数の国別推移",
        "図7 52869/tcp へのスキャン送信元アドレスのマルウェア種別",
    ] {
        assert!(titles.as_array().unwrap().contains(&json!(title)), "{title} is not among {titles}");
    }
    for (what, wrong) in [
        ("figures without a name", "figure svg:not([aria-labelledby])"),
        ("figures without words", "figure:not(:has(figcaption))"),
        ("tables without a title", ".scroll > table:not(:has(caption))"),
    ] {
        assert_eq!(browser.evaluate(&format!("document.querySelectorAll('{wrong}').length")), json!(0), "{what}");
    }
    let names = "[...document.querySelectorAll('[aria-labelledby]')].every((e) => \
                 e.getAttribute('aria-labelledby').split(' ').every((id) => document.getElementById(id).textContent))";
    assert_eq!(browser.evaluate(names), json!(true));
    let links = "[...document.querySelectorAll('nav a')].every((a) => document.querySelector(a.getAttribute('href')))";
    assert_eq!(browser.evaluate(links), json!(true));
    // No text of the page is left in English but for names, ports and the tests of the rules.
    for column in browser.evaluate("[...document.querySelectorAll('th')].map((e) => e.textContent)").as_array().unwrap()
    {
        assert!(!column.as_str().unwrap().is_ascii(), "{column} is not Japanese");
    }
    // On a phone nothing but figures and tables, each by itself, is wider than the window.
    for dark in [false, true] {
        browser.look(390, 800, dark);
        assert_eq!(browser.evaluate("document.documentElement.scrollWidth <= 390"), json!(true));
    }
    assert_eq!(browser.evaluate("getComputedStyle(document.body).backgroundColor"), json!("rgb(20, 24, 29)"));
    let picture = directory.path().join("phone.png");
    browser.screenshot(&picture);
    assert!(fs::read(picture).unwrap().starts_with(b"\x89PNG"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
