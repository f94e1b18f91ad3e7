//! What is handed out beside the program: the unit, alerts, the dashboard, manual pages.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::BINARY;

/// The names that a sensor's /metrics promises, without suffixes that a kind of metric adds.
const METRICS: [&str; 9] = [
    "honeyxdp_frames_total",
    "honeyxdp_syn_total",
    "honeyxdp_port_syn_total",
    "honeyxdp_unique_sources",
    "honeyxdp_records_lost_total",
    "honeyxdp_drain_duration_seconds",
    "honeyxdp_last_drain_timestamp_seconds",
    "honeyxdp_attached",
    "honeyxdp_build_info",
];

/// The labels that they promise, and those that Prometheus adds. No address is ever a label.
const LABELS: [&str; 9] =
    ["interface", "disposition", "family", "port", "window", "mode", "job", "instance", "alertname"];

fn contrib(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../contrib").join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(contrib(path)).unwrap()
}

/// Runs a program to its end, and returns what it printed.
fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask test` installs it"));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {text}");
    text
}

/// Words of a PromQL expression or of prose that begin like a metric of ours.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("honeyxdp_")).collect()
}

fn is_promised(metric: &str) -> bool {
    let bare = ["_sum", "_count"].iter().find_map(|suffix| metric.strip_suffix(suffix)).unwrap_or(metric);
    METRICS.contains(&metric) || bare == "honeyxdp_drain_duration_seconds"
}

#[test]
fn prometheus_takes_the_alerts_and_they_fire_when_they_should() {
    let alerts = contrib("prometheus/alerts.yml");
    let said = run("promtool", &["check", "rules", alerts.to_str().unwrap()]);
    assert!(said.contains("SUCCESS: 7 rules found"), "{said}");
    let tests = contrib("prometheus/alerts_test.yml");
    let said = run("promtool", &["test", "rules", tests.to_str().unwrap()]);
    assert!(said.contains("SUCCESS"), "{said}");
    // An alert that no test makes fire may never do.
    let (alerts, tests) = (read("prometheus/alerts.yml"), read("prometheus/alerts_test.yml"));
    for alert in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let fires = tests
            .match_indices(&format!("alertname: {alert}\n"))
            .any(|(position, _)| tests[position..].lines().nth(2).is_some_and(|line| line.contains("exp_labels")));
        assert!(fires, "no test makes {alert} fire");
    }
}

#[test]
fn every_metric_that_is_used_is_promised_and_every_promised_one_is_used() {
    let files = ["prometheus/alerts.yml", "prometheus/alerts_test.yml", "grafana/honeyxdp.json"].map(read);
    let used: BTreeSet<&str> = files.iter().flat_map(|file| metrics(file)).collect();
    for metric in &used {
        assert!(is_promised(metric), "{metric} is used in contrib/, and no sensor has it");
    }
    for metric in METRICS {
        assert!(used.contains(metric), "{metric} is shown nowhere");
    }
}

#[test]
fn grafana_can_read_the_dashboard_and_prometheus_every_expression_in_it() {
    let dashboard: Value = serde_json::from_str(&read("grafana/honeyxdp.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "ids are unique");
    let variables: BTreeSet<&str> =
        dashboard["templating"]["list"].as_array().unwrap().iter().map(|list| list["name"].as_str().unwrap()).collect();
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    let mut expressions: Vec<&str> = vec![dashboard["annotations"]["list"][0]["expr"].as_str().unwrap()];
    for panel in panels {
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{}", panel["title"]);
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty());
        expressions.extend(targets.iter().map(|target| target["expr"].as_str().unwrap()));
    }
    for (number, expression) in expressions.iter().enumerate() {
        // What Grafana puts in before it asks.
        let mut asked = expression.replace("$__rate_interval", "1m").replace("$__range", "1h");
        for variable in &variables {
            asked = asked.replace(&format!("${variable}"), "x");
        }
        assert!(!asked.contains('$'), "{expression} has a variable that the dashboard has not");
        for label in labels(&asked) {
            assert!(LABELS.contains(&label) || label == "alertstate", "{label:?} of {expression} is no label");
        }
        rules.push_str(&format!("  - record: dashboard:{number}\n    expr: {}\n", Value::from(asked)));
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dashboard.yml");
    fs::write(&file, rules).unwrap();
    run("promtool", &["check", "rules", file.to_str().unwrap()]);
}

/// Labels in the selectors and groupings of an expression.
fn labels(expression: &str) -> Vec<&str> {
    let matched = expression.split(['{', ',']).filter_map(|part| part.split_once(['=', '!']).map(|(label, _)| label));
    let grouped = expression.split("by (").skip(1).filter_map(|part| part.split(')').next());
    let grouped = grouped.flat_map(|list| list.split(','));
    let words = matched.chain(grouped).map(str::trim);
    words.filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_')).collect()
}

#[test]
fn systemd_takes_the_units_and_finds_little_that_they_may_do() {
    let directory = tempfile::tempdir().unwrap();
    for (name, program) in [("honeyxdp.service", "honeyxdp "), ("honeyxdp-upload.service", "honeyxdp-fleet ")] {
        let unit = directory.path().join(name);
        // Pages and the programs are not installed here.
        let lines = read(&format!("systemd/{name}")).replace(&format!("/usr/bin/{program}"), &format!("{BINARY} "));
        let lines: Vec<&str> = lines.lines().filter(|line| !line.starts_with("Documentation=")).collect();
        fs::write(&unit, lines.join("\n")).unwrap();
        let said = run("systemd-analyze", &["verify", unit.to_str().unwrap()]);
        assert!(!said.contains(name), "{said}");
        // In tenths. They are 1.5 and 1.4 with systemd 252, and every version of systemd looks at more.
        let said = run("systemd-analyze", &["security", "--offline=true", "--threshold=20", unit.to_str().unwrap()]);
        assert!(said.contains("Overall exposure level"), "{said}");
    }
}

#[test]
fn the_unit_has_the_few_capabilities_and_the_user_and_directories_that_the_package_makes() {
    let unit = read("systemd/honeyxdp.service");
    let value = |name: &str| {
        let found = unit.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        found.unwrap_or_else(|| panic!("no {name}"))
    };
    for set in ["AmbientCapabilities", "CapabilityBoundingSet"] {
        assert_eq!(value(set), "CAP_BPF CAP_PERFMON CAP_NET_ADMIN");
    }
    assert_eq!(value("Type"), "notify");
    assert!(value("WatchdogSec").parse::<u32>().is_ok());
    let user = value("User");
    assert!(read("systemd/sysusers.d/honeyxdp.conf").starts_with(&format!("u {user} ")));
    let pins = value("ReadWritePaths").trim_start_matches('-');
    assert!(read("systemd/tmpfiles.d/honeyxdp.conf").contains(&format!("d {pins} 0750 {user} {user} ")));
}

#[test]
fn the_settings_of_the_service_are_variables_that_the_program_knows() {
    let help = run(BINARY, &["run", "--help"]);
    let settings = read("systemd/honeyxdp.default");
    let unit = read("systemd/honeyxdp.service");
    let names: Vec<&str> = settings
        .lines()
        .map(|line| line.trim_start_matches('#'))
        .chain(unit.lines().filter_map(|line| line.strip_prefix("Environment=")))
        .filter_map(|line| line.split_once('=').map(|(name, _)| name))
        .filter(|name| name.starts_with("HONEYXDP_"))
        .collect();
    assert!(names.len() >= 2, "{names:?}");
    for name in names {
        assert!(help.contains(&format!("[env: {name}=")), "{name} is not in the help of run");
    }
}

#[test]
fn every_command_has_a_page_and_every_shell_its_completions() {
    let directory = tempfile::tempdir().unwrap();
    lab::manual::write(directory.path()).unwrap();
    let help = run(BINARY, &["--help"]);
    for command in ["run", "replay", "snapshot", "doctor"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        let page = fs::read_to_string(directory.path().join(format!("honeyxdp-{command}.1"))).unwrap();
        assert!(page.contains(".SH OPTIONS"), "{command}");
        for shell in ["honeyxdp.bash", "_honeyxdp", "honeyxdp.fish"] {
            let script = fs::read_to_string(directory.path().join("completions").join(shell)).unwrap();
            assert!(script.contains(command), "{command} in {shell}");
        }
    }
    let page = fs::read_to_string(directory.path().join("honeyxdp-run.1")).unwrap();
    assert!(page.contains("HONEYXDP_INTERFACE"), "variables are in the manual");
    assert!(directory.path().join("honeyxdp.1").exists() && !directory.path().join("honeyxdp-help.1").exists());
    run("bash", &["-n", directory.path().join("completions/honeyxdp.bash").to_str().unwrap()]);
}
