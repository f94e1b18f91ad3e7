//! Metrics, as the real Prometheus and its promtool read them.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use honeyxdp::snapshot::{FamilyPackets, REVISION, Snapshot};
use lab::{
    craft::{self, Ipv4, Tcp},
    http,
    network::{SENSOR, VethPair},
    sensor::Sensor,
};
use serde_json::Value;

use crate::BINARY;
const SENSOR_AT: &str = "127.0.0.1:7823";
const PROMETHEUS_AT: &str = "127.0.0.1:9090";

fn start(veth: &VethPair, args: &str) -> Sensor {
    Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} {args}")).unwrap()
}

fn get(veth: &VethPair, at: &str, path: &str, headers: &[&str]) -> anyhow::Result<http::Answer> {
    veth.sensor.inside(|| http::tcp(at.parse().unwrap(), "GET", path, headers))?
}

fn frames() -> Vec<Vec<u8>> {
    let mirai = (0..100).map(|host| craft::mirai([198, 18, 0, host].into(), [198, 18, 0, 1].into(), 2323));
    let named = lab::named::frames().into_iter().map(|named| named.bytes).filter(|bytes| bytes.len() < 1_400);
    mirai.chain(named).collect()
}

/// The value of a series in the text, and nothing if it is not there.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// The sum of all series of a metric.
fn sum(text: &str, metric: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(&format!("{metric}{{")));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "the counts are small")]
fn promtool_finds_nothing_and_the_numbers_are_the_snapshots() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = start(&veth, "--interval 1s --observe 80 --respond 23 --respond-to 198.19.0.0/16");
    veth.send(&frames()).unwrap();
    let syn = Tcp { dport: 80, ..Tcp::default() };
    let data = Tcp { seq: syn.seq + 1, flags: craft::ACK, ..syn.clone() };
    // A source without a mark.
    let from = Ipv4 { src: [198, 18, 0, 200].into(), ..Ipv4::default() };
    let data = from.packet(&[&data.bytes()[..], b"GET /shell?id HTTP/1.1\r\n\r\n"].concat());
    veth.send(&[craft::v4(&from, &syn), craft::ethernet(&[], 0x0800, &data)]).unwrap();
    let seen = |snapshot: &Snapshot| snapshot.interval.frames.seen == 0 && snapshot.frames.seen > 100;
    sensor
        .wait_for(|snapshot| seen(snapshot) && snapshot.payloads.as_ref().is_some_and(|p| p.classified == 1))
        .unwrap();
    let snapshot: Snapshot =
        serde_json::from_slice(&get(&veth, SENSOR_AT, "/snapshot.json", &[]).unwrap().body).unwrap();
    let answer = get(&veth, SENSOR_AT, "/metrics", &[]).unwrap();
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();

    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is needed");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && said.trim().is_empty(), "promtool says:\n{said}\nof:\n{text}");

    let open =
        get(&veth, SENSOR_AT, "/metrics", &["Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1"]).unwrap();
    assert_eq!(open.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(
        open.text().ends_with("# EOF\n") && open.text().contains("# TYPE honeyxdp_syn counter\n"),
        "{}",
        open.text()
    );

    for (disposition, count) in &snapshot.frames.dispositions {
        let series = format!("honeyxdp_frames_total{{interface=\"{SENSOR}\",disposition=\"{disposition}\"}}");
        assert_eq!(value(text, &series), Some(*count as f64), "{series}");
    }
    for report in &snapshot.families {
        let family = &report.name;
        let series = format!("honeyxdp_syn_total{{interface=\"{SENSOR}\",family=\"{family}\"}}");
        assert_eq!(value(text, &series), Some(report.packets as f64), "{series}");
        let sources = &report.unique_sources;
        for window in ["run", "hour", "day"] {
            let series = format!("honeyxdp_unique_sources{{family=\"{family}\",window=\"{window}\"}}");
            assert_eq!(value(text, &series), Some(sources.value as f64), "{series}");
        }
    }
    for report in &snapshot.ports {
        for FamilyPackets { name, packets } in &report.families {
            let series = format!("honeyxdp_port_syn_total{{family=\"{name}\",port=\"{}\"}}", report.port);
            assert_eq!(value(text, &series), Some(*packets as f64), "{series}");
        }
    }
    assert_eq!(sum(text, "honeyxdp_port_syn_total"), sum(text, "honeyxdp_syn_total"));
    for (series, expected) in [
        ("honeyxdp_attached{interface=\"in0\",mode=\"native\"}", 1.0),
        ("honeyxdp_records_lost_total", 0.0),
        ("honeyxdp_payloads_total{exploit=\"EDB-41471\",family=\"unknown\"}", 1.0),
        ("honeyxdp_responder_events_total{event=\"answered\"}", 0.0),
        ("honeyxdp_interval_seconds", 1.0),
        ("honeyxdp_frame_bytes_total", snapshot.frames.bytes as f64),
        (&format!("honeyxdp_build_info{{version=\"{}\",revision=\"{REVISION}\"}}", env!("CARGO_PKG_VERSION")), 1.0),
    ] {
        assert_eq!(value(text, series), Some(expected), "{series} in\n{text}");
    }
    let drained = value(text, "honeyxdp_last_drain_timestamp_seconds").unwrap();
    assert!((drained - snapshot.generated_at.as_second() as f64).abs() < 3.0);
    assert!(value(text, "honeyxdp_drain_duration_seconds").unwrap() < 1.0);
    // No address is in it: not a source's, not the sensor's.
    assert!(!text.contains("198.18.") && !text.contains("198.51.") && !text.contains("2001:db8"), "{text}");

    // Every metric is in the docs, and the docs have no other.
    let docs =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operate/http-and-metrics.md")).unwrap();
    let there = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    for metric in there.clone() {
        let name = metric.strip_prefix("honeyxdp_").expect("every metric has the prefix");
        assert!(docs.contains(&format!("`{name}")), "{metric} is not in docs/operate/http-and-metrics.md");
    }
    let rows = docs.lines().skip_while(|line| *line != "## Metrics").filter_map(|line| line.strip_prefix("| `"));
    for row in rows {
        let name = row.split(['{', '`']).next().unwrap();
        assert!(
            there.clone().any(|metric| metric == format!("honeyxdp_{name}")),
            "{name} is documented, and not there"
        );
    }
}

/// Something that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn prometheus_scrapes_it_and_answers_with_rates() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = start(&veth, "--interval 1s");
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("prometheus.yml");
    fs::write(
        &config,
        format!("global: {{scrape_interval: 2s}}\nscrape_configs: [{{job_name: honeyxdp, static_configs: [{{targets: ['{SENSOR_AT}']}}]}}]\n"),
    )
    .unwrap();
    let checked = Command::new("promtool").args(["check", "config"]).arg(&config).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let _prometheus = Running(
        veth.sensor
            .command("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .args(["--web.listen-address", PROMETHEUS_AT, "--log.level=warn"])
            .stdout(Stdio::null())
            .spawn()
            .expect("prometheus is needed"),
    );
    let query = |query: &str| -> Option<f64> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = get(&veth, PROMETHEUS_AT, &format!("/api/v1/query?query={escaped}"), &[]).ok()?;
        let json: Value = serde_json::from_slice(&answer.body).ok()?;
        json["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    };
    // About 50 SYNs of Mirai a second, in bursts, for longer than the window that is asked for.
    let begin = Instant::now();
    let burst = vec![craft::mirai([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), 23); 5];
    let mut sent = 0.0;
    while begin.elapsed() < Duration::from_secs(33) {
        veth.send(&burst).unwrap();
        sent += 5.0;
        thread::sleep(Duration::from_millis(90));
    }
    let sent = sent / begin.elapsed().as_secs_f64();
    let rate = query("rate(honeyxdp_syn_total{family=\"mirai\"}[30s])").expect("Prometheus has no answer");
    assert!((sent * 0.8..sent * 1.2).contains(&rate), "a rate of {rate} where {sent} a second were sent");
    assert_eq!(query("up{job=\"honeyxdp\"}"), Some(1.0));
    assert_eq!(query("rate(honeyxdp_syn_total{family=\"zmap\"}[30s])"), Some(0.0));
    assert_eq!(query("sum(honeyxdp_port_syn_total) == bool sum(honeyxdp_syn_total)"), Some(1.0));
    assert_eq!(query("honeyxdp_attached"), Some(1.0));
    assert!(query("time() - honeyxdp_last_drain_timestamp_seconds").unwrap() < 5.0);
    drop(sensor);
}
