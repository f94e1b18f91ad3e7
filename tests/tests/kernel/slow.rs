//! Readers that do not read: of standard output, of the log, of the control socket, of HTTP. Counting goes on, and it can be ended.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use honeyxdp::snapshot::{Snapshot, store};
use lab::{
    archived::mirai,
    network::{SENSOR, VethPair},
    sensor::Sensor,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::BINARY;
/// What a pipe holds when nobody says otherwise, see pipe(7).
const PIPE: usize = 64 << 10;

#[test]
fn a_pipe_that_nobody_reads_stops_neither_the_snapshots_nor_the_end_and_is_said_when_it_is_read_again() {
    let veth = VethPair::silent(1_500).unwrap();
    for log in ["text", "json"] {
        let directory = tempfile::tempdir().unwrap();
        let (mut reader, mut writer) = io::pipe().unwrap();
        writer.write_all(&[b'\n'; PIPE]).unwrap();
        let mut command = veth.sensor.command(BINARY);
        command.args(["run", "-i", SENSOR, "--interval", "200ms", "--log-format", log, "--out"]).arg(directory.path());
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let mut child = command.spawn().unwrap();
        drop(command);
        let wait_for = |property: &dyn Fn(&Snapshot) -> bool| {
            let start = Instant::now();
            while !store::read(directory.path()).is_ok_and(|snapshot| property(&snapshot)) {
                assert!(start.elapsed() < Duration::from_secs(30), "{:?}", store::read(directory.path()));
                thread::sleep(Duration::from_millis(20));
            }
        };
        wait_for(&|snapshot| snapshot.sequence > 2);
        veth.send(&mirai(5, 50)).unwrap();
        wait_for(&|snapshot| snapshot.family("mirai").packets == 50 && snapshot.interval.seconds < 0.6);

        // Somebody reads again, and then no more.
        let mut said = vec![0; PIPE];
        reader.read_exact(&mut said).unwrap();
        let start = Instant::now();
        let mut text = String::new();
        while !text.contains("lines were left out here") {
            assert!(start.elapsed() < Duration::from_secs(10), "{text}");
            let length = reader.read(&mut said).unwrap();
            text += &String::from_utf8_lossy(&said[..length]);
        }
        if log == "json" {
            let lines = text.lines().filter(|line| !line.is_empty());
            lines.for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).expect(line)));
        }
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(store::read(directory.path()).unwrap().family("mirai").packets, 50);
    }
}

#[test]
fn a_pipe_that_stays_full_does_not_keep_it_from_ending() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (_reader, mut writer) = io::pipe().unwrap();
    writer.write_all(&[b'\n'; PIPE]).unwrap();
    let mut command = veth.sensor.command(BINARY);
    command.args(["run", "-i", SENSOR, "--interval", "200ms", "--out"]).arg(directory.path());
    let mut child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    let start = Instant::now();
    while store::read(directory.path()).is_err() {
        assert!(start.elapsed() < Duration::from_secs(30), "there is no snapshot");
        thread::sleep(Duration::from_millis(20));
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return;
        }
        if start.elapsed() > Duration::from_secs(10) {
            child.kill().unwrap();
            panic!("it does not end");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn clients_that_hang_delay_no_drain_and_keep_nobody_out() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor =
        Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} --interval 500ms --history-age 24h")).unwrap();
    sensor.wait_for(|snapshot| snapshot.sequence > 0).unwrap();
    let socket = sensor.directory().join("honeyxdp.sock");
    // Half a change of the filters, from nearly as many clients as are let in at once.
    let half =
        b"POST /rules HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
    let mut hanging = Vec::new();
    for _ in 0..60 {
        let mut client = UnixStream::connect(&socket).unwrap();
        client.write_all(half).unwrap();
        hanging.push(client);
    }
    // Questions whose answers nobody reads, until the kernel takes no more.
    let deaf: Vec<TcpStream> = veth
        .sensor
        .inside(|| {
            let connect = |_| {
                let mut client = TcpStream::connect("127.0.0.1:7823").unwrap();
                client.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
                while client.write_all(&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100)).is_ok() {}
                client
            };
            (0..8).map(connect).collect()
        })
        .unwrap();
    veth.send(&mirai(5, 50)).unwrap();
    let newest = sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 50).unwrap();
    let later = sensor.wait_for(|snapshot| snapshot.sequence > newest.sequence + 2).unwrap();
    assert!(later.interval.seconds < 0.7, "a drain was late: {}", later.interval.seconds);
    let start = Instant::now();
    let out = sensor.directory().display().to_string();
    veth.sensor.run(&format!("{BINARY} filter set --port 23 --out {out}")).unwrap();
    println!("an operator waited for {:?}", start.elapsed());
    sensor.wait_for(|snapshot| snapshot.filters.contains_key("port")).unwrap();
    // The end does not wait for them either.
    let start = Instant::now();
    sensor.stop().unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    drop((hanging, deaf));
}
