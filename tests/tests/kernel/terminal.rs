//! What a person sees: the live table and the progress bar, on a real terminal (tmux).

use std::{
    fs::{self, File},
    io::BufWriter,
    process::Command,
    thread,
    time::Duration,
};

use lab::{
    craft,
    network::{SENSOR, VethPair},
    pcap::Writer,
    terminal::Terminal,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::BINARY;

/// Sends SIGHUP to the sensor in a namespace, as `systemctl reload` does.
fn hangup(veth: &VethPair) {
    let processes = Command::new("ip").args(["netns", "pids", veth.sensor.name()]).output().unwrap();
    for process in String::from_utf8(processes.stdout).unwrap().split_whitespace() {
        let process = Pid::from_raw(process.parse().unwrap()).unwrap();
        kill_process(process, Signal::HUP).unwrap();
    }
}

fn live_table(name: &str, width: u16, height: u16) {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let command = format!(
        "ip netns exec {} {BINARY} run -i {SENSOR} --out {}; echo status $?; sleep 60",
        veth.sensor.name(),
        directory.path().display()
    );
    let terminal = Terminal::open(name, width, height, &command);
    terminal.wait(|screen| screen.contains("honeyxdp") && screen.contains("family"));
    let frames = vec![craft::mirai([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), 2323); 1_234];
    veth.send(&frames).unwrap();
    let screen = terminal.wait(|screen| screen.contains("1,234"));
    let row = screen.lines().find(|line| line.trim_start().starts_with("mirai")).expect("a row for mirai");
    assert!(row.contains("1,234") && row.contains("mirai/1"), "{screen}");
    assert!(screen.contains("1,234 frames, "), "the totals are not on the screen:\n{screen}");
    assert!(screen.contains("2323"), "the ports are not on the screen:\n{screen}");
    assert!(screen.contains("snapshot: "), "the notices are not on the screen:\n{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= usize::from(width)), "{screen}");

    terminal.tmux(&["send-keys", "C-c"]);
    let screen = terminal.wait(|screen| screen.contains("status "));
    assert!(screen.contains("detached; the last snapshot is") && screen.contains("status 0"), "{screen}");
}

#[test]
fn the_live_table_fits_a_wide_terminal() {
    live_table("wide", 140, 45);
}

#[test]
fn the_live_table_fits_a_small_terminal() {
    live_table("small", 80, 24);
}

#[test]
fn a_warning_stands_below_the_live_table_and_does_not_tear_it() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("honeyxdp.toml");
    fs::write(&config, "interval = \"300ms\"\n").unwrap();
    let command = format!(
        "ip netns exec {} {BINARY} run -i {SENSOR} --config {} --out {}",
        veth.sensor.name(),
        config.display(),
        directory.path().join("out").display()
    );
    let terminal = Terminal::open("warning", 140, 45, &command);
    terminal.wait(|screen| screen.contains("family") && screen.contains("snapshot: "));
    fs::write(&config, "intervall = 1\n").unwrap();
    hangup(&veth);
    let screen = terminal.wait(|screen| screen.contains("warning: ") && screen.contains("so those in force stay"));
    assert!(screen.contains("there is no setting \"intervall\""), "{screen}");
    let title = screen.lines().position(|line| line.contains("honeyxdp")).unwrap();
    let warning = screen.lines().position(|line| line.contains("those in force stay")).unwrap();
    assert!(title == 0 && warning > screen.lines().count() / 4, "the table is torn:\n{screen}");
    let table: Vec<&str> = screen.lines().take(8).collect();
    assert!(table.iter().all(|line| !line.contains("warning")), "{screen}");

    // The terminal goes away: with a file of settings too, that is the end of the sensor, with a last snapshot.
    fs::write(&config, "interval = \"1h\"\n").unwrap();
    veth.send(&vec![craft::mirai([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), 23); 5]).unwrap();
    drop(terminal);
    let ended = || {
        let processes = Command::new("ip").args(["netns", "pids", veth.sensor.name()]).output().unwrap();
        processes.stdout.is_empty()
    };
    for _ in 0..300 {
        if ended() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert!(ended(), "the sensor goes on without its terminal");
    let last = honeyxdp::snapshot::store::read(&directory.path().join("out")).unwrap();
    assert_eq!(last.family("mirai").packets, 5);
}

#[test]
fn a_replay_shows_its_progress() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("slow.pcap");
    // Enough packets to keep it busy for longer than a look at the screen takes.
    let frame = craft::mirai([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), 23);
    let mut capture = Writer::new(BufWriter::new(File::create(&file).unwrap())).unwrap();
    for _ in 0..2_000_000 {
        capture.frame(0, 0, &frame).unwrap();
    }
    capture.finish().unwrap();
    let out = directory.path().join("out");
    let command = format!("{BINARY} replay {} --out {}; echo status $?; sleep 60", file.display(), out.display());
    let terminal = Terminal::open("replay", 120, 30, &command);
    let bar = terminal.wait(|screen| screen.contains("/133.51 MiB") || screen.contains("status "));
    assert!(bar.contains("slow.pcap") && bar.contains("/133.51 MiB"), "no progress is shown:\n{bar}");
    let screen = terminal.wait(|screen| screen.contains("status "));
    assert!(screen.contains("2,000,000") && screen.contains("status 0"), "{screen}");
    assert!(!screen.contains("/133.51 MiB"), "the bar stays on the screen:\n{screen}");
}
