//! `honeyxdp top`, on a real terminal and without one.

use std::process::Command;

use lab::{
    craft,
    network::{SENSOR, VethPair},
    sensor::Sensor,
    terminal::Terminal,
};
use serde_json::Value;

use crate::BINARY;

fn start(veth: &VethPair, args: &str) -> Sensor {
    Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} {args}")).unwrap()
}

fn frames() -> Vec<Vec<u8>> {
    let mirai = (0..100).map(|host| craft::mirai([198, 18, 0, host].into(), [198, 18, 0, 1].into(), 2323));
    let named = lab::named::frames().into_iter().map(|named| named.bytes).filter(|bytes| bytes.len() < 1_400);
    mirai.chain(named).collect()
}

fn screen(name: &str, width: u16, height: u16) {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = start(&veth, "--interval 1s --ignore-port 22");
    // Over the unix socket, from outside of the sensor's namespace.
    let command = format!("{BINARY} top --out {}; echo status $?; sleep 60", sensor.directory().display());
    let terminal = Terminal::open(name, width, height, &command);
    terminal.wait(|screen| screen.contains("live") && screen.contains("SYN/s"));
    veth.send(&frames()).unwrap();
    let row = |screen: &str, family: &str| {
        screen.lines().find(|line| line.trim_start().starts_with(&format!("■ {family}"))).map(str::to_owned)
    };
    let shown = terminal.wait(|screen| row(screen, "mirai").is_some_and(|row| row.contains("10")));
    let snapshot = sensor.wait_for(|snapshot| snapshot.family("mirai").packets >= 100).unwrap();
    let packets = snapshot.family("mirai").packets.to_string();
    assert!(row(&shown, "mirai").unwrap().contains(&packets), "{shown}");
    for there in
        ["in0 (native)", "2323", "SYNs per second by family, at most", "frames: ", "filters: port", "q quit", "lost 0"]
    {
        assert!(shown.contains(there), "{there:?} is not on the screen:\n{shown}");
    }
    assert!(shown.contains('█'), "there is no chart:\n{shown}");
    if let Some(directory) = std::env::var_os("HONEYXDP_SCREENSHOTS") {
        std::fs::write(std::path::PathBuf::from(directory).join(format!("{name}.txt")), &shown).unwrap();
    }
    assert!(row(&shown, "naabu").is_some(), "not all families are on the screen:\n{shown}");
    assert!(
        shown.lines().count() <= usize::from(height)
            && shown.lines().all(|line| line.chars().count() <= usize::from(width))
    );

    terminal.tmux(&["send-keys", "s"]);
    terminal.wait(|screen| screen.contains("per s v"));
    terminal.tmux(&["send-keys", "s", "s"]);
    terminal.wait(|screen| screen.contains("SYNs v"));
    terminal.tmux(&["send-keys", "Down"]);
    terminal.wait(|screen| screen.contains("SYNs of "));
    terminal.tmux(&["send-keys", "Escape"]);
    terminal.wait(|screen| !screen.contains("SYNs of "));
    terminal.tmux(&["send-keys", "p"]);
    terminal.wait(|screen| screen.contains("paused"));
    terminal.tmux(&["send-keys", "p"]);
    terminal.wait(|screen| screen.contains("live"));

    let directory = sensor.directory().to_owned();
    drop(sensor);
    terminal.wait(|screen| screen.contains("disconnected: no sensor answers on"));
    std::fs::create_dir_all(&directory).unwrap();
    let mut command = veth.sensor.command(BINARY);
    command.args(["run", "-i", SENSOR, "--interval", "1s", "--out"]).arg(&directory);
    let again = Sensor::spawn(command, directory.clone()).unwrap();
    terminal.wait(|screen| screen.contains("live"));
    terminal.tmux(&["send-keys", "q"]);
    let last = terminal.wait(|screen| screen.contains("status "));
    assert!(last.contains("status 0"), "{last}");
    again.stop().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn it_fits_a_small_terminal() {
    screen("top-small", 80, 24);
}

#[test]
fn it_fits_a_wide_terminal() {
    screen("top-wide", 150, 50);
}

#[test]
fn elsewhere_it_prints_one_table_or_json() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = start(&veth, "--interval 10s --sensor-id \u{1b}[31mred");
    veth.send(&frames()).unwrap();
    let top = |args: &[&str]| {
        let output = Command::new(BINARY).arg("top").args(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let directory = sensor.directory().to_str().unwrap();
    let (code, table, _) = top(&["--out", directory]);
    assert_eq!(code, Some(0));
    let row = table.lines().find(|line| line.trim_start().starts_with("mirai")).expect("a row for mirai");
    assert!(row.contains("mirai/1") && row.contains("2323 (101)"), "{table}");
    assert!(!table.contains('\u{1b}'), "{table:?}");
    let (code, json, _) = top(&["--json", "--connect", &format!("unix:{directory}/honeyxdp.sock")]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, json["schema"].as_str()), (Some(0), Some("honeyxdp.live/1")));
    assert_eq!(json["sequence"], Value::Null, "there was no interval yet");
    let mirai = json["families"].as_array().unwrap().iter().find(|family| family["name"] == "mirai").unwrap();
    assert!(mirai["packets"].as_u64().unwrap() >= 100);
    // Over TCP it is in the sensor's namespace.
    let text = veth.sensor.run(&format!("{BINARY} top --once --connect http://127.0.0.1:7823")).unwrap();
    assert!(text.contains("mirai/1"), "{text}");

    let (code, _, error) = top(&["--connect", "http://127.0.0.1:1"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("no sensor answers at http://127.0.0.1:1; name another one with --connect"), "{error}");
    let (code, _, error) = top(&["--out", "/nowhere"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("start one with `honeyxdp run`"), "{error}");
    assert_eq!(top(&["--connect", "127.0.0.1:7823"]).0, Some(2));
    // Somebody else's server is not taken for a sensor.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let answer = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = other.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n<html>\r\n").unwrap();
    });
    let (code, _, error) = top(&["--connect", &format!("http://{address}")]);
    answer.join().unwrap();
    assert_eq!(code, Some(1));
    assert!(error.contains("is not of this version of honeyxdp"), "{error}");
}
