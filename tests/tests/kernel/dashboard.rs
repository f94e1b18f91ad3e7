//! The dashboard in a real browser.
//!
//! With HONEYXDP_SCREENSHOTS=DIR it leaves pictures there.

use std::{env, path::PathBuf, thread, time::Duration};

use lab::{
    browser::Browser,
    craft,
    network::{SENSOR, VethPair},
    sensor::Sensor,
};
use rustix::process::Signal;
use serde_json::json;

use crate::BINARY;
/// The picture in docs/, of what fits the window.
const DOCS: &str = "dashboard.png";
const PAGE: &str = "http://127.0.0.1:7823/";

fn start(veth: &VethPair, args: &str) -> Sensor {
    Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} {args}")).unwrap()
}

/// A picture, with something going on.
fn picture(veth: &VethPair, browser: &mut Browser, name: &str) {
    if let Some(directory) = env::var_os("HONEYXDP_SCREENSHOTS") {
        for second in 100..104 {
            veth.send(&frames(second)).unwrap();
            thread::sleep(Duration::from_millis(900));
        }
        browser.screenshot(&PathBuf::from(directory).join(name), name != DOCS).unwrap();
    }
}

/// SYNs of several families from many sources to the ports that they knock on, a different number of each every second.
fn frames(second: u8) -> Vec<Vec<u8>> {
    let to = |last: u8| std::net::Ipv4Addr::new(198, 18, 0, last);
    let mut frames = Vec::new();
    let wave =
        |period: u8, most: u8| u8::try_from(u16::from(second % period) * u16::from(most) / u16::from(period)).unwrap();
    for number in 0..60 + wave(9, 90) {
        let from = std::net::Ipv4Addr::new(198, 19, second, number);
        frames.push(craft::mirai(from, to(1), [23, 23, 23, 2323, 34567][usize::from(number % 5)]));
    }
    for named in lab::named::frames() {
        let often = match named.name.split([' ', ',']).next() {
            Some("masscan") => 20 + wave(5, 30),
            Some("zmap" | "zmap4" | "hajime") => 8 + wave(7, 9),
            _ => 1,
        };
        frames.extend(std::iter::repeat_n(named.bytes, usize::from(often)).filter(|bytes| bytes.len() < 1_400));
    }
    frames
}

fn text(browser: &mut Browser, id: &str) -> String {
    let text = browser.evaluate(&format!("document.getElementById('{id}').innerText")).unwrap();
    text.as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_page_shows_live_numbers_and_says_when_they_are_not() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = start(&veth, "--interval 2s --ignore-port 22 --ignore-src 192.0.2.0/24");
    let mut browser = Browser::start(&veth.sensor).unwrap();
    browser.look(1280, 900, false).unwrap();
    browser.open(PAGE).unwrap();
    let seconds = env::var("HONEYXDP_SCREENSHOTS").map_or(8, |_| 100);
    for second in 0..seconds {
        veth.send(&frames(second)).unwrap();
        thread::sleep(Duration::from_secs(1));
    }
    browser.wait("document.getElementById('state').textContent === 'live'").unwrap();

    // What the page says is what the sensor counted.
    let snapshot = sensor
        .wait_for(|snapshot| snapshot.interval.frames.dispositions["syn"] == 0 && snapshot.frames.seen > 0)
        .unwrap();
    let shown = |number: u64| format!("{:?}", honeyxdp::view::count(number));
    let mirai = shown(snapshot.family("mirai").packets);
    browser
        .wait(&format!(
            "[...document.querySelectorAll('#families tbody tr')].some((row) => \
             row.cells[0].textContent === 'mirai' && row.cells[2].textContent === {mirai})"
        ))
        .unwrap();
    let sources = shown(snapshot.family("mirai").unique_sources.value);
    browser
        .wait(&format!(
            "[...document.querySelectorAll('#families tbody tr')].some((row) => \
             row.cells[0].textContent === 'mirai' && row.cells[5].textContent === {sources})"
        ))
        .unwrap();
    let port = shown(snapshot.port(23).unwrap().packets);
    browser
        .wait(&format!(
            "[...document.querySelectorAll('#ports tbody tr')].some((row) => \
             row.cells[0].textContent === '23' && row.cells[2].textContent === {port})"
        ))
        .unwrap();
    let syns = shown(snapshot.frames.dispositions["syn"]);
    browser
        .wait(&format!(
            "[...document.querySelectorAll('#dispositions tbody tr')].some((row) => \
             row.cells[0].textContent === 'syn' && row.cells[1].textContent === {syns})"
        ))
        .unwrap();
    assert!(text(&mut browser, "about").contains("attached, native mode"), "{}", text(&mut browser, "about"));
    let filters = text(&mut browser, "filters");
    assert!(filters.contains("ignore_src") && filters.contains("1 prefixes"), "{filters}");
    assert_eq!(text(&mut browser, "alerts"), "");
    // The areas of the chart: one for each family that sent something in the last minutes.
    let areas = browser.evaluate("document.querySelectorAll('#plot path').length").unwrap();
    assert!(areas.as_u64().unwrap() >= 8, "{areas} areas");

    // The table behind the chart, the keyboard, the legend.
    browser.evaluate("document.querySelector('#chart-table summary').click()").unwrap();
    browser.wait("document.querySelectorAll('#samples tbody tr').length > 3").unwrap();
    browser.evaluate("document.querySelector('#chart-table summary').click()").unwrap();
    browser.evaluate("document.getElementById('chart').focus()").unwrap();
    for _ in 0..3 {
        browser.press("ArrowLeft").unwrap();
    }
    browser.wait("document.querySelector('#plot .cursor') !== null").unwrap();
    browser.wait("document.getElementById('readout').textContent !== ''").unwrap();
    browser.press("Escape").unwrap();
    browser.evaluate("document.activeElement.blur()").unwrap();
    browser.wait("document.querySelector('#plot .cursor') === null").unwrap();
    browser.press("d").unwrap();
    assert_eq!(browser.evaluate("document.documentElement.dataset.theme").unwrap(), json!("light"));
    browser.press("d").unwrap();
    assert_eq!(browser.evaluate("document.documentElement.dataset.theme").unwrap(), json!("dark"));
    browser.press("d").unwrap();
    browser.evaluate("document.querySelector('#legend button').click()").unwrap();
    assert_eq!(
        browser.evaluate("document.querySelectorAll('#plot path').length").unwrap().as_u64().unwrap(),
        areas.as_u64().unwrap() - 1
    );
    browser.evaluate("document.querySelector('#legend button').click()").unwrap();

    // Wide and narrow, light and dark: nothing is wider than the window, and what people read can be read.
    for (name, width, height, dark) in [
        ("wide.png", 1280, 900, false),
        ("wide-dark.png", 1280, 900, true),
        (DOCS, 1000, 760, true),
        ("narrow.png", 360, 740, false),
        ("narrow-dark.png", 360, 740, true),
    ] {
        browser.look(width, height, dark).unwrap();
        browser.wait("document.getElementById('state').textContent === 'live'").unwrap();
        browser.wait(&format!("document.documentElement.scrollWidth <= {width}")).unwrap();
        let theme = if dark { "dark" } else { "light" };
        browser.wait(&format!("document.documentElement.dataset.theme === '{theme}'")).unwrap();
        let contrast = browser.evaluate(CONTRAST).unwrap();
        assert!(contrast["ratio"].as_f64().unwrap() >= 4.5, "{name}: {contrast}");
        picture(&veth, &mut browser, name);
    }
    assert!(browser.errors().is_empty(), "{:#?}", browser.errors());
    let elsewhere: Vec<String> = browser.requests().into_iter().filter(|url| !url.starts_with(PAGE)).collect();
    assert!(elsewhere.iter().all(|url| url == "about:blank"), "it asked others: {elsewhere:?}");

    // A sensor that is gone is said, and one that comes back is found again.
    browser.look(1280, 900, false).unwrap();
    sensor.stop().unwrap();
    browser.wait("document.getElementById('state').textContent === 'disconnected'").unwrap();
    assert!(text(&mut browser, "alerts").contains("the sensor does not answer"), "{}", text(&mut browser, "alerts"));
    picture(&veth, &mut browser, "disconnected.png");
    let sensor = start(&veth, "--interval 1s");
    browser.wait("document.getElementById('state').textContent === 'live'").unwrap();

    // One that is stopped is not taken for a live one.
    sensor.signal(Signal::STOP).unwrap();
    browser.wait("['stale', 'disconnected'].includes(document.getElementById('state').textContent)").unwrap();
    sensor.signal(Signal::CONT).unwrap();
    browser.wait("document.getElementById('state').textContent === 'live'").unwrap();
}

/// The least contrast of a text to its background (WCAG 2.1), and whose it is.
const CONTRAST: &str = r"(() => {
  const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([red, green, blue]) => {
    const part = (value) => { const v = value / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  };
  const back = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let least = { ratio: 21, text: '' };
  for (const element of document.querySelectorAll('h1, h2, p, dt, dd, th, td, a, button, label, summary')) {
    if (!element.textContent.trim() || element.matches('.skip') || !element.getClientRects().length) continue;
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(back(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least.ratio) least = { ratio, text: element.textContent.slice(0, 60) };
  }
  return least;
})()";

/// Text that somebody chose is shown as it is.
#[test]
fn what_a_sensor_says_is_text_on_the_page() {
    let veth = VethPair::silent(1_500).unwrap();
    let evil = "<img src=x onerror=window.evil=1><script>window.evil=1</script>";
    let directory = tempfile::tempdir().unwrap();
    let mut command = veth.sensor.command(BINARY);
    command.args(["run", "-i", SENSOR, "--interval", "1s", "--sensor-id", evil, "--out"]).arg(directory.path());
    let sensor = Sensor::spawn(command, directory.path().to_owned()).unwrap();
    let mut browser = Browser::start(&veth.sensor).unwrap();
    browser.look(800, 600, false).unwrap();
    browser.open(PAGE).unwrap();
    browser.wait("document.getElementById('state').textContent === 'live'").unwrap();
    assert!(text(&mut browser, "sensor").contains(evil), "{}", text(&mut browser, "sensor"));
    assert_eq!(browser.evaluate("window.evil === undefined").unwrap(), json!(true));
    // Were it put in as HTML by a mistake, the policy would still not run it.
    browser
        .evaluate("const script = document.createElement('script'); script.textContent = 'window.evil = 1'; document.body.append(script); true")
        .unwrap();
    assert_eq!(browser.evaluate("window.evil === undefined").unwrap(), json!(true));
    drop(sensor);
}

/// Loss is announced and red.
#[test]
fn loss_is_announced() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = start(&veth, "--interval 1s --record-buffer 1MiB");
    let mut browser = Browser::start(&veth.sensor).unwrap();
    browser.look(800, 600, false).unwrap();
    browser.open(PAGE).unwrap();
    browser.wait("document.getElementById('state').textContent === 'live'").unwrap();
    // While the sensor is stopped, nobody takes records from the rings.
    sensor.signal(Signal::STOP).unwrap();
    let mut sender = lab::generator::Sender::new(&veth, lab::generator::Pattern::FLOOD).unwrap();
    sender.send(lab::generator::Amount::Frames(600_000), None).unwrap();
    sensor.signal(Signal::CONT).unwrap();
    let snapshot = sensor.wait_for(|snapshot| snapshot.records.lost_packets > 0).unwrap();
    assert_eq!(snapshot.frames.seen, snapshot.frames.dispositions["syn"]);
    browser.wait("document.getElementById('alerts').textContent.includes('Loss: the records of ')").unwrap();
    browser
        .wait("document.querySelector('#tiles .bad') !== null && document.querySelector('#records .bad') !== null")
        .unwrap();
    browser
        .wait("[...document.querySelectorAll('#families td')].some((cell) => cell.textContent.startsWith('≈ '))")
        .unwrap();
    assert!(browser.errors().is_empty(), "{:#?}", browser.errors());
}
