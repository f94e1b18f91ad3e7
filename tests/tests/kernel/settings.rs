//! The file of settings and the log of a running sensor.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{Command, Stdio},
};

use lab::{
    craft,
    network::{SENSOR, VethPair},
    sensor::Sensor,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::BINARY;

fn mirai(frames: usize) -> Vec<Vec<u8>> {
    vec![craft::mirai([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), 23); frames]
}

/// As editors write: a new file in the place of the old one.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn a_hangup_reads_the_file_again_and_a_broken_one_changes_nothing() {
    let veth = VethPair::silent(1_500).unwrap();
    let (etc, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = etc.path().join("honeyxdp.toml");
    let text = format!("interface = \"{SENSOR}\"\ninterval = \"200ms\"\nout = {:?}\n", out.path());
    fs::write(&file, &text).unwrap();
    let mut command = veth.sensor.command(BINARY);
    command.arg("run").env("HONEYXDP_CONFIG", &file);
    let mut sensor = Sensor::spawn(command, out.path().to_owned()).unwrap();
    sensor.wait_for(|snapshot| snapshot.sequence > 0).unwrap();

    replace(&file, &format!("{text}intervall = \"1s\"\n"));
    sensor.signal(Signal::HUP).unwrap();
    sensor.wait_for_line("line 4: there is no setting \"intervall\"; the nearest is interval").unwrap();
    sensor.wait_for_line("wrong, so those in force stay").unwrap();

    replace(&file, &format!("{text}history-age = \"5m\"\n"));
    sensor.signal(Signal::HUP).unwrap();
    sensor.wait_for_line("a restart brings into force: history-age").unwrap();

    replace(&file, &text);
    sensor.signal(Signal::HUP).unwrap();
    sensor.wait_for_line("the settings were read again; none that counts has changed").unwrap();
    veth.send(&mirai(9)).unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 9).unwrap();

    // Who asks for the snapshot finds its directory in the same file.
    let shown = Command::new(BINARY).args(["snapshot", "--json"]).env("HONEYXDP_CONFIG", &file).output().unwrap();
    let said = String::from_utf8_lossy(&shown.stderr);
    assert!(shown.status.success(), "{said}");
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let mirai = json["families"].as_array().unwrap().iter().find(|family| family["name"] == "mirai").unwrap();
    assert_eq!(mirai["packets"], 9);
    sensor.stop().unwrap();
}

#[test]
fn a_broken_file_stops_the_start_with_wrong_usage() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("honeyxdp.toml");
    fs::write(&file, "interval = \"soon\"\n\n[filters]\nports = [23]\n").unwrap();
    let output = Command::new(BINARY).args(["run", "--config"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("line 1: interval cannot be \"soon\": write it as 10s, 5m or 1h30m"), "{said}");
    assert!(said.contains("line 4: there is no setting \"filters.ports\"; the nearest is filters.port"), "{said}");

    let output = Command::new(BINARY).args(["config", "check", "--json"]).arg(&file).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), json["errors"][1]["line"].as_u64()), (Some(1), Some(4)));
    fs::write(&file, "interval = \"5s\"\n").unwrap();
    let output = Command::new(BINARY).args(["config", "check"]).arg(&file).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}: ok, 1 setting\n", file.display()));

    let mut dump = Command::new(BINARY);
    dump.args(["config", "dump", "--json", "--mode", "generic", "--config"]).arg(&file).env("HONEYXDP_MEMORY", "1GiB");
    let json: serde_json::Value = serde_json::from_slice(&dump.output().unwrap().stdout).unwrap();
    for (key, value, source) in [
        ("interval", "5s", "file"),
        ("mode", "generic", "flag"),
        ("sources.memory", "1GiB", "environment"),
        ("filters.verdict", "pass", "default"),
    ] {
        assert_eq!(json["settings"][key], serde_json::json!({"value": value, "source": source}), "{key}");
    }
}

/// What a sensor writes to standard error and standard output in its life, in this format.
fn log(format: Option<&str>, args: &str) -> (String, String) {
    let veth = VethPair::silent(1_500).unwrap();
    // A name that turns a terminal red, as far as Linux lets one.
    let name = "e\x1b[31m\u{9b}m";
    let moved = Command::new("ip").args(["-n", veth.sensor.name(), "link", "set", SENSOR, "name", name]).status();
    assert!(moved.unwrap().success());
    let out = tempfile::tempdir().unwrap();
    let (output, error) = (out.path().join("output"), out.path().join("error"));
    let file = fs::File::create(&error).unwrap();
    let journal = file.metadata().map(|metadata| format!("{}:{}", metadata.dev(), metadata.ino())).unwrap();
    let mut command = veth.sensor.command(BINARY);
    let directory = out.path().join("snapshots");
    command.args(["run", "--interval", "200ms", "-i", name, "--out"]).arg(&directory);
    command.args(args.split_whitespace()).env_remove("HONEYXDP_LOG_FORMAT");
    match format {
        Some("journal") => command.env("JOURNAL_STREAM", journal),
        Some(format) => command.env_remove("JOURNAL_STREAM").env("HONEYXDP_LOG_FORMAT", format),
        None => command.env("JOURNAL_STREAM", "1:1"),
    };
    let mut child = command.stdout(fs::File::create(&output).unwrap()).stderr(Stdio::from(file)).spawn().unwrap();
    while honeyxdp::snapshot::store::read(&directory).is_err() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}: {}", fs::read_to_string(&error).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    veth.send(&mirai(20)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(800));
    veth.sensor.ip("link del dev 2").or_else(|_| veth.outside.ip("link del out0")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    // The last snapshot has no place: an error, with which it ends.
    fs::remove_file(directory.join("snapshot.json")).unwrap();
    fs::create_dir_all(directory.join("snapshot.json/in the way")).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let read = |path| fs::read_to_string(path).unwrap();
    let (output, error) = (read(&output), read(&error));
    let raw = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
    assert!(!raw(&output) && !raw(&error), "{output:?}\n{error:?}");
    (output, error)
}

#[test]
fn away_from_a_terminal_the_log_is_json_lines() {
    let (output, error) = log(None, "--trace-matches");
    assert_eq!(output, "", "what is for people");
    // The error that ends the run looks like that of every other command.
    let (events, last) = error.trim_end().rsplit_once('\n').unwrap();
    assert!(last.starts_with("honeyxdp: cannot write"), "{last}");
    let events: Vec<serde_json::Value> = events.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let find = |text: &str| {
        let found = events.iter().find(|event| event["message"].as_str().is_some_and(|message| message.contains(text)));
        found.unwrap_or_else(|| panic!("no event with {text:?} in {error}"))
    };
    assert_eq!(find("attached to e\x1b[31m\u{9b}m (native)")["level"], "INFO");
    assert_eq!(find("is gone")["level"], "WARN");
    assert_eq!(find("mirai src=198.18.0.100")["target"], "honeyxdp::mark");
    let interval = find("frames 20, syn 20: mirai 20");
    assert_eq!((interval["frames"].as_u64(), interval["syns"].as_u64()), (Some(20), Some(20)));
    assert!(events.iter().all(|event| event["timestamp"].as_str().is_some_and(|time| time.ends_with('Z'))));
}

#[test]
fn for_the_journal_every_line_has_its_priority() {
    let (_, error) = log(Some("journal"), "");
    assert!(error.lines().all(|line| ["<3>", "<4>", "<6>"].contains(&&line[..3])), "{error}");
    assert!(error.contains("<6>attached to e\\u{1b}[31m\\u{9b}m (native)"), "{error}");
    assert!(error.lines().last().unwrap().starts_with("<3>cannot write"), "{error}");
}

#[test]
fn text_is_as_people_see_it_and_the_level_decides() {
    let (output, error) = log(Some("text"), "");
    assert!(output.contains("attached to e\\u{1b}[31m\\u{9b}m (native)"), "{output}");
    assert!(error.contains("Z warning: e\\u{1b}") && error.contains("honeyxdp: cannot write"), "{error}");
    assert!(!error.contains("debug:"), "{error}");
    let (output, error) = log(Some("text"), "--log-level error");
    assert!(!output.contains("attached") && !error.contains("warning"), "{output}{error}");
    let (_, error) = log(Some("text"), "--log-level debug");
    assert!(error.contains("debug: rights left: CAP_BPF and CAP_NET_ADMIN"), "{error}");
}
